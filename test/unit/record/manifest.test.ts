import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodeManifest, encodeManifest, keysByType } from '../../../job-image/record/manifest.ts'
import type { ManifestRow } from '../../../job-image/record/manifest.ts'
import { REFERENCE_TIME, evidenceRows } from '../../support/worlds.ts'

const row = (changes: Partial<ManifestRow> = {}): ManifestRow => ({
  id: 1,
  type: 'iam-policy',
  key: 'a.json',
  sha256: 'aa',
  collectedAt: REFERENCE_TIME - 10,
  expiresAt: null,
  ...changes,
})

describe('the manifest of inputs', () => {
  it('is read back as it was written, whatever the order of its rows', () => {
    fc.assert(
      fc.property(evidenceRows, (rows) => {
        const evidence = rows.map((each) => ({ ...each, sha256: `sha of ${each.key}` }))
        const encoded = encodeManifest(evidence)
        expect(encodeManifest(evidence.toReversed())).toEqual(encoded)
        expect(decodeManifest(encoded.text)).toEqual(evidence.toSorted((a, b) => a.id - b.id))
      }),
    )
  })

  it('has another digest for another content, key, time or row', () => {
    const digests = [
      row(),
      row({ sha256: 'bb' }),
      row({ key: 'b.json' }),
      row({ id: 2 }),
      row({ collectedAt: REFERENCE_TIME - 9 }),
      row({ expiresAt: REFERENCE_TIME + 1 }),
    ].map((each) => encodeManifest([each]).digest.toString('hex'))
    expect(new Set(digests).size).toBe(digests.length)
  })

  it('leads to the key of the newest valid row of each type', () => {
    const rows = [
      row({ id: 1, key: 'old.json', collectedAt: REFERENCE_TIME - 20 }),
      row({ id: 2, key: 'new.json' }),
      row({ id: 3, type: 'audit-log', key: 'gone.json', expiresAt: REFERENCE_TIME }),
    ]
    expect([...keysByType(rows, REFERENCE_TIME)]).toEqual([['iam-policy', 'new.json']])
  })
})
