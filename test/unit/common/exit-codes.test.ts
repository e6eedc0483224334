import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it, test } from 'vitest'
import { EXIT } from '../../../common/exit-codes.ts'
import { runArgv } from '../../support/run-command.ts'

const CODES = Object.values(EXIT)

it('are the codes that the Job of a schedule names', () => {
  expect(EXIT).toEqual({ ok: 0, failed: 1, usage: 2, findings: 3, interrupted: 143 })
})

test('the table in README.md lists them all and no others', () => {
  const readme = readFileSync(join(import.meta.dirname, '../../../README.md'), 'utf8')
  const [, table = ''] = readme.match(/^## Exit codes\n(.*?)^## /ms) ?? []
  expect([...table.matchAll(/^\| (\d+) /gm)].map(([, code]) => Number(code))).toEqual(CODES)
})

test.each([[[]], [['scheduler', 'once']]])('%j --help lists them all and no others', async (argv) => {
  const { out } = await runArgv([...argv, '--help'], { cwd: import.meta.dirname })
  const [, list = ''] = out.replaceAll(/\s+/g, ' ').match(/Exit codes: (.*?143)/) ?? []
  expect([...list.matchAll(/(?:^|; )(\d+)/g)].map(([, code]) => Number(code))).toEqual(CODES)
})
