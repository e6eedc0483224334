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

it.each([
  'common/webhook/http.ts',
  'common/webhook/cloud-event.ts',
  'common/webhook/signature.ts',
  'job-image/notify/webhook.ts',
  'job-image/notify/slack.ts',
])('%s brings no package along', async (file) => {
  expect(await packagesOf(file)).toEqual([])
})
