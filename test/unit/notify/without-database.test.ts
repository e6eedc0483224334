import { expect, it } from 'vitest'
import { importsOf } from '../../support/imports.ts'

/** The packages that a program or a file needs. */
async function packagesOf(entry: string): Promise<string[]> {
  const imports = Object.values(await importsOf(entry)).flatMap((input) => input.imports)
  const packages = imports.flatMap(({ path, external }) => (external === true ? [path] : []))
  return packages.filter((path) => !path.startsWith('node:'))
}

it('the operator needs neither a database nor a mail server', async () => {
  const packages = await packagesOf('operator/main.ts')
  expect(packages).toContain('undici')
  expect(packages.filter((name) => /^(pg|pg-.*|node-pg-migrate|nodemailer)$/.test(name))).toEqual([])
})

it.each(['http.ts', 'cloud-event.ts', 'signature.ts', 'webhook.ts', 'slack.ts'])(
  '%s brings no package along, so that the operator can use it',
  async (file) => {
    expect(await packagesOf(`job-image/notify/${file}`)).toEqual([])
  },
)
