import type { Config } from '../../config/config.ts'
import { DEFAULT_ENVIRONMENT, databaseKey, databaseUrlFor, optionalConfig } from '../../config/target.ts'
import type { DatabaseUrl, ResolvedDatabase } from '../../config/target.ts'
import { suggestion } from '../../document.ts'
import { InputError } from '../../errors.ts'
import type { Problem } from '../../errors.ts'
import type { Io } from '../../io.ts'
import type { Inventory } from '../../inventory/inventory.ts'

export type InventoryDatabaseOptions = {
  readonly config: string
  /** Undefined: the environments that the inventory names say which database it is. */
  readonly env: string | undefined
  readonly databaseUrl: string | undefined
}

/**
 * The database an inventory belongs to. Where there is a configuration, the inventory's environments must be in it (a
 * misspelt one would never be validated) and live in that database.
 */
export function inventoryDatabase(
  inventory: Inventory,
  options: InventoryDatabaseOptions,
  io: Pick<Io, 'env' | 'cwd'>,
): ResolvedDatabase {
  const config = optionalConfig(options, io)
  // One system of each environment is enough to speak of it.
  const firsts = [...Map.groupBy(inventory.systems, ({ environment }) => environment).values()].flatMap(
    ([first]) => first ?? [],
  )
  if (config !== undefined) {
    const known = [...config.environments.keys()]
    const strangers = firsts.filter(({ environment }) => !config.environments.has(environment))
    refuse(
      strangers.map(({ environment, problem }) =>
        problem(
          `the environment ${JSON.stringify(environment)} is not in ${config.file}${suggestion(environment, known)}`,
        ),
      ),
    )
  }
  const env = options.env ?? firsts[0]?.environment ?? DEFAULT_ENVIRONMENT
  const database = databaseUrlFor({ ...options, config, env }, io)
  if (config !== undefined) refuse(strayProblems(firsts, { config, env, database }, options, io))
  return { ...database, config }
}

/** Refuses systems whose environment has another database: its runs would not find them. */
function strayProblems(
  systems: Inventory['systems'],
  chosen: { readonly config: Config; readonly env: string; readonly database: DatabaseUrl },
  { databaseUrl }: InventoryDatabaseOptions,
  io: Pick<Io, 'env'>,
): Problem[] {
  const key = databaseKey(chosen.database.url)
  return systems.flatMap(({ environment, problem }) => {
    const { url } = databaseUrlFor({ config: chosen.config, env: environment, databaseUrl }, io)
    if (databaseKey(url) === key) return []
    const message = `"${environment}" has another database than "${chosen.env}"; put its systems into a file of their own`
    return [problem(message)]
  })
}

function refuse(problems: readonly Problem[]): void {
  if (problems.length > 0) throw new InputError(problems)
}
