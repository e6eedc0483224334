import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  MAX_SUMMARY_BYTES,
  decodeRunSummary,
  encodeRunSummary,
  shortDigest,
} from '../../../crds/run-summary.ts'
import type { RunSummary } from '../../../crds/run-summary.ts'

const SUMMARY: RunSummary = {
  version: 1,
  runKey: 'b3b1',
  runId: 1207,
  environment: 'production',
  final: true,
  status: 'success',
  verdict: 'Findings',
  reason: 'ControlsNotPassed',
  message: '4 of 12 results are not pass',
  startedAt: '2026-11-24T02:00:00Z',
  finishedAt: null,
  counts: {
    systems: 3,
    controls: 4,
    results: 12,
    pass: 8,
    notPass: 4,
    fail: 1,
    insufficientEvidence: 2,
    unknown: 1,
    errors: 0,
  },
  scope: { digest: 'ab12', text: 'systems pay*' },
  carried: 2,
}
const bytes = (text: string): number => Buffer.byteLength(text)

describe('a summary', () => {
  it('is decoded as it was encoded', () => {
    expect(decodeRunSummary(encodeRunSummary(SUMMARY))).toEqual(SUMMARY)
  })

  it.each(['running', 'success', 'failed'] as const)('may have the status %s', (status) => {
    expect(decodeRunSummary(encodeRunSummary({ ...SUMMARY, status }))?.status).toBe(status)
  })

  it('has a message that is truncated only where it does not fit', () => {
    const room = MAX_SUMMARY_BYTES - bytes(encodeRunSummary({ ...SUMMARY, message: '' }))
    const fits = 'm'.repeat(room)
    expect(decodeRunSummary(encodeRunSummary({ ...SUMMARY, message: fits }))?.message).toBe(fits)
    const cut = encodeRunSummary({ ...SUMMARY, message: `${fits}m` })
    expect(bytes(cut)).toBeLessThanOrEqual(4096)
    expect(bytes(cut)).toBeGreaterThan(4096 - 20)
    expect(decodeRunSummary(cut)?.message).toMatch(/^m+…$/)
  })

  it('fits in 4 KiB with any message, and keeps every other field', () => {
    const part = fc.tuple(fc.constantFrom('m', 'é', '😀', '"', '\u0001', '\ud800', '…'), fc.nat(3_000))
    const text = fc.array(part, { maxLength: 4 }).map((parts) => parts.map(([x, n]) => x.repeat(n)).join(''))
    fc.assert(
      fc.property(text, (message) => {
        const encoded = encodeRunSummary({ ...SUMMARY, message })
        expect(bytes(encoded)).toBeLessThanOrEqual(4096)
        const decoded = decodeRunSummary(encoded)
        expect({ ...decoded, message: '' }).toEqual({ ...SUMMARY, message: '' })
        expect(message.startsWith(decoded?.message.replace(/…$/, '') ?? '?')).toBe(true)
      }),
    )
  })
})

describe('what is no summary', () => {
  it.each([
    ['no text', ''],
    ['no JSON', 'panic: out of memory'],
    ['another version', JSON.stringify({ ...SUMMARY, version: 2 })],
    ['an unknown verdict', JSON.stringify({ ...SUMMARY, verdict: 'Unknown' })],
    ['an unknown status', JSON.stringify({ ...SUMMARY, status: 'partial' })],
    ['a count below 0', JSON.stringify({ ...SUMMARY, counts: { ...SUMMARY.counts, fail: -1 } })],
    ['a missing count', JSON.stringify({ ...SUMMARY, counts: { ...SUMMARY.counts, errors: undefined } })],
    ['a summary that was truncated', encodeRunSummary(SUMMARY).slice(0, -1)],
  ])('%s', (_, text) => {
    expect(decodeRunSummary(text)).toBeUndefined()
  })

  it('is decoded without fields that a later release may add', () => {
    expect(decodeRunSummary(JSON.stringify({ ...SUMMARY, later: 1 }))).toEqual(SUMMARY)
  })
})

it('a digest is shown by its first twelve characters', () => {
  expect(shortDigest('0123456789abcdef')).toBe('0123456789ab')
})
