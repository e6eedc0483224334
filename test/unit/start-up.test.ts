import { expect, it } from 'vitest'
import { importsOf } from '../support/imports.ts'

/** Each costs more than everything else that a start evaluates; a command that needs one imports it as it runs. */
const HEAVY = [
  '@opentelemetry/api',
  '@opentelemetry/exporter-trace-otlp-proto',
  '@opentelemetry/resources',
  '@opentelemetry/sdk-trace',
  'node-pg-migrate',
  'nodemailer',
  'pg',
  'pg-copy-streams',
  'pino',
  'yaml',
  'zod',
]

it('evaluates no heavy package before a command is chosen', async () => {
  const imports = await importsOf('job-image/main.ts')
  const evaluated = new Set<string>()
  const visit = (path: string): void => {
    if (evaluated.has(path)) return
    evaluated.add(path)
    for (const each of imports[path]?.imports ?? []) {
      if (each.kind !== 'dynamic-import') visit(each.path)
    }
  }
  visit('job-image/main.ts')
  expect(HEAVY.filter((name) => evaluated.has(name))).toEqual([])
  expect(evaluated).toContain('cmd-ts')
})
