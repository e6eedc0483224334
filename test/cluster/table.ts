import { Agent, fetch } from 'undici'
import type { ClusterAccess } from '../../scripts/control-plane/access.ts'

/** Returns the output of `kubectl get`: the columns of priority 0 of the API server's table. */
export type Table = { readonly columns: readonly string[]; readonly rows: readonly (readonly unknown[])[] }

type TableBody = {
  readonly columnDefinitions: readonly { readonly name: string; readonly priority: number }[]
  readonly rows: readonly { readonly cells: readonly unknown[] }[]
}

export async function getAsTable(access: ClusterAccess, path: string): Promise<Table> {
  const dispatcher = new Agent({ connect: { ca: access.authority.certificate } })
  const response = await fetch(`${access.server}${path}`, {
    dispatcher,
    headers: {
      authorization: `Bearer ${access.adminToken}`,
      accept: 'application/json;as=Table;v=v1;g=meta.k8s.io',
    },
  })
  const { columnDefinitions, rows } = (await response.json()) as TableBody
  await dispatcher.close()
  const shown = columnDefinitions.map(({ priority }) => priority === 0)
  return {
    columns: columnDefinitions.filter((_, index) => shown[index]).map(({ name }) => name),
    rows: rows.map(({ cells }) => cells.filter((_, index) => shown[index])),
  }
}
