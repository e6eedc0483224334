import { describe, expect, it } from 'vitest'
import type { ResultRow } from '../../../job-image/db/record/result-reads.ts'
import { keysText, parts, resultWriter } from '../../../job-image/output/result-formats.ts'
import type { ResultFormat } from '../../../job-image/output/result-formats.ts'

const ROW: ResultRow = {
  runId: 7,
  system: 'payments',
  environment: 'production',
  control: 'AC-2.1',
  catalog: 'nist',
  status: 'pass',
  message: 'all evidence is there',
  evidenceKeys: ['a', 'b,c'],
  remediation: null,
  validatedAt: '2026-01-08 02:00:00+00',
  confirmedAt: '2026-01-09 02:00:00+00',
  attributes: { x: 1 },
}

async function written(
  format: ResultFormat,
  pages: readonly (readonly ResultRow[])[],
  { catalogs = false, wide = false, columns }: { catalogs?: boolean; wide?: boolean; columns?: number } = {},
) {
  const writes: string[] = []
  const output = {
    write: (text: string) => void writes.push(text),
    drained: async () => undefined,
    loss: undefined,
    isTTY: columns !== undefined,
    columns,
  }
  const writer = await resultWriter(format, output, { catalogs, wide })
  for (const page of pages) await writer.rows(page)
  await writer.end()
  return { text: writes.join(''), writes }
}

describe('JSON', () => {
  it('is one array with the names of the columns', async () => {
    const { text } = await written('json', [[ROW], [], [{ ...ROW, runId: null }]])
    expect(JSON.parse(text)).toEqual(
      [7, null].map((run_id) => ({
        run_id,
        system: 'payments',
        control: 'AC-2.1',
        status: 'pass',
        message: 'all evidence is there',
        evidence_keys: ['a', 'b,c'],
        remediation: null,
        validated_at: '2026-01-08T02:00:00Z',
        environment: 'production',
        catalog: 'nist',
        confirmed_at: '2026-01-09T02:00:00Z',
        attributes: { x: 1 },
      })),
    )
    expect(text.split('\n')).toHaveLength(5)
  })

  it('of nothing is an empty array', async () => {
    expect((await written('json', [[]])).text).toBe('[]\n')
  })
})

describe('CSV', () => {
  const HEADER =
    'run_id,system,control,status,message,evidence_keys,remediation,validated_at,environment,catalog,confirmed_at\r\n'

  it('has one header and a record for each result', async () => {
    const { text } = await written('csv', [[ROW], [ROW]])
    const record =
      '7,payments,AC-2.1,pass,all evidence is there,"[""a"",""b,c""]",,2026-01-08T02:00:00Z,production,nist,2026-01-09T02:00:00Z\r\n'
    expect(text).toBe(HEADER + record + record)
  })

  it('of nothing is the header', async () => {
    expect((await written('csv', [])).text).toBe(HEADER)
  })

  it.each(['=1+1', '+1', '-1', '@x'])('has no formula of the text %s', async (message) => {
    expect((await written('csv', [[{ ...ROW, message }]])).text).toContain(`,'${message},`)
  })

  it('quotes a line break', async () => {
    expect((await written('csv', [[{ ...ROW, message: 'a\rb' }]])).text).toContain(',"a\rb",')
  })
})

describe('a table', () => {
  it('has the columns of a result, and the catalog after the control where it is needed', async () => {
    const titles = async (catalogs: boolean) =>
      (await written('table', [[ROW]], { catalogs })).text
        .split('\n')[1]
        ?.split(/ *[│] */)
        .filter((title) => title !== '')
    const all = ['Run', 'System', 'Control', 'Status', 'Message', 'Evidence', 'Remediation', 'Validated']
    expect(await titles(false)).toEqual(all)
    expect(await titles(true)).toEqual(all.toSpliced(3, 0, 'Catalog'))
  })

  it('begins anew after a hundred rows, over pages', async () => {
    const rows = Array.from({ length: 60 }, () => ROW)
    const { text } = await written('table', [rows, rows])
    expect(text.match(/│ Run /g)).toHaveLength(2)
    expect(text.match(/│ 7 /g)).toHaveLength(120)
    expect((await written('table', [[]])).text).toBe('')
  })

  it('is paragraphs on a terminal of less than 100 columns, unless it is to be wide', async () => {
    expect((await written('table', [[ROW]], { columns: 99 })).text).not.toContain('│')
    expect((await written('table', [[ROW]], { columns: 100 })).text).toContain('│')
    expect((await written('table', [[ROW]], { columns: 40, wide: true })).text).toContain('Remediation')
  })
})

it('rows are written in parts of 150', async () => {
  const rows = Array.from({ length: 301 }, () => ROW)
  expect([...parts(rows)].map((part) => part.length)).toEqual([150, 150, 1])
  expect([...parts([])]).toEqual([])
  expect((await written('json', [rows])).writes).toHaveLength(4)
})

it.each<[unknown, string]>([
  [[], ''],
  [['a', 'b'], 'a, b'],
  [['a', { b: 1 }, null], 'a, {"b":1}, null'],
  [{ a: 1 }, '{"a":1}'],
  ['a', '"a"'],
  [null, 'null'],
])('evidence keys %j are shown as %s', (keys, text) => {
  expect(keysText(keys)).toBe(text)
})
