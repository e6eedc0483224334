import { expect, it } from 'vitest'
import type { ResultRow } from '../../../job-image/db/record/result-reads.ts'
import { paragraphWriter } from '../../../job-image/output/result-paragraphs.ts'

const ROW: ResultRow = {
  runId: 7,
  system: 'payments',
  environment: 'production',
  control: 'AC-2.1',
  catalog: 'nist',
  status: 'fail',
  message: 'evidence is missing',
  evidenceKeys: ['a', 'b'],
  remediation: 'collect it',
  validatedAt: '2026-01-08 02:00:00+00',
  confirmedAt: '2026-01-08 02:00:00+00',
  attributes: null,
}

async function written(rows: readonly ResultRow[], catalogs = false, width = 80): Promise<string> {
  let text = ''
  const output = {
    write: (more: string) => void (text += more),
    drained: async () => undefined,
    loss: undefined,
  }
  const writer = paragraphWriter(output, catalogs, width)
  for (const row of rows) await writer.rows([row])
  await writer.end()
  return text
}

it('a result is a heading and its facts', async () => {
  expect(await written([ROW])).toBe(
    'payments  AC-2.1  fail\n  evidence is missing\n  Evidence: a, b\n  Remediation: collect it\n' +
      '  Run 7, 2026-01-08T02:00:00Z\n',
  )
})

it('what is not known is left out', async () => {
  const bare = { ...ROW, runId: null, message: null, evidenceKeys: [], remediation: null }
  expect(await written([bare])).toBe('payments  AC-2.1  fail\n  2026-01-08T02:00:00Z\n')
  expect(await written([{ ...bare, evidenceKeys: null }])).toContain('Evidence: null')
})

it('names the catalog where there are several', async () => {
  expect(await written([ROW], true)).toMatch(/^payments {2}AC-2\.1 \(nist\) {2}fail\n/)
})

it('separates results by an empty line', async () => {
  const text = await written([ROW, ROW])
  expect(text.split('\n\n')).toHaveLength(2)
  expect(text.startsWith('\n')).toBe(false)
})

it('wraps a long text, and shows control characters as symbols', async () => {
  const text = await written([{ ...ROW, message: `${'word '.repeat(20)}\u001B[31m` }], false, 40)
  expect(text).not.toContain('\u001B')
  expect(Math.max(...text.split('\n').map((line) => line.length))).toBeLessThanOrEqual(40)
})
