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

/** The files and packages that are evaluated before `entry` itself runs. */
async function evaluatedFirst(entry: string): Promise<string[]> {
  const imports = await importsOf(entry)
  const evaluated = new Set<string>()
  const visit = (path: string): void => {
    if (evaluated.has(path)) return
    evaluated.add(path)
    for (const each of imports[path]?.imports ?? []) {
      if (each.kind !== 'dynamic-import') visit(each.path)
    }
  }
  visit(entry)
  return [...evaluated]
}

it('evaluates no heavy package before a command is chosen', async () => {
  const evaluated = await evaluatedFirst('job-image/main.ts')
  expect(HEAVY.filter((name) => evaluated.includes(name))).toEqual([])
  expect(evaluated).toContain('cmd-ts')
})

it('evaluates nothing of the operator before its signal handlers are set', async () => {
  const evaluated = await evaluatedFirst('operator/main.ts')
  const elsewhere = evaluated.filter((path) => !/^(node:|common\/|operator\/main\.ts$)/.test(path))
  expect(elsewhere).toEqual([])
})
