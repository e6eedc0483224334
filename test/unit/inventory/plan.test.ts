import { describe, expect, test } from 'vitest'
import type { InventoryEvidence, InventorySystem } from '../../../job-image/inventory/inventory.ts'
import { planEvidence, systemState } from '../../../job-image/inventory/plan.ts'
import type { StoredEvidence, StoredSystem } from '../../../job-image/inventory/plan.ts'

const SYSTEM: StoredSystem = {
  id: 1,
  name: 's',
  environment: 'production',
  description: 'the payments',
  attributes: '{"tier": 1, "zones": ["eu"]}',
}

function wantedSystem(changes: Partial<InventorySystem>): InventorySystem {
  const rest = { attributes: undefined, evidence: undefined, description: undefined }
  const problem = (message: string) => ({ message })
  return { name: 's', environment: 'production', ...rest, problem, ...changes }
}

describe('a system is', () => {
  test.each<[Partial<InventorySystem>, string]>([
    [{}, 'unchanged'],
    [{ description: 'the payments', attributes: { zones: ['eu'], tier: 1 } }, 'unchanged'],
    [{ description: 'others' }, 'changed'],
    [{ attributes: { tier: 1 } }, 'changed'],
    [{ attributes: { tier: '1', zones: ['eu'] } }, 'changed'],
    [{ environment: 'staging' }, 'moved'],
    [{ environment: 'staging', description: 'others' }, 'moved'],
  ])('with %j in the file: %s', (changes, state) => {
    expect(systemState(wantedSystem(changes), SYSTEM)).toBe(state)
  })

  test('added, if it is not stored', () => {
    expect(systemState(wantedSystem({}), undefined)).toBe('added')
  })
})

function stored(id: number, changes: Partial<StoredEvidence> = {}): StoredEvidence {
  return {
    id,
    type: 'audit-log',
    key: 'a.json',
    sha256: 'aa',
    filename: 'a.json',
    size: 7,
    collectedAt: 500,
    expiresAt: null,
    attributes: '{"x": 1}',
    ...changes,
  }
}

function wanted(changes: Partial<InventoryEvidence> = {}): InventoryEvidence {
  const head = { type: 'audit-log', key: 'a.json', sha256: 'aa', collectedAt: 500, expiresAt: null }
  return {
    ...head,
    filename: undefined,
    size: undefined,
    attributes: undefined,
    ...changes,
  }
}

const NOTHING = { insert: [], update: [], remove: [], unchanged: 0 }
const plan = (
  evidence: readonly InventoryEvidence[] | undefined,
  rows: readonly StoredEvidence[],
  prune = false,
) => planEvidence(evidence, rows, { prune })

describe('evidence of the file', () => {
  test('that is stored already is unchanged; what the file leaves out stays', () => {
    expect(plan([wanted()], [stored(1)])).toEqual({ ...NOTHING, unchanged: 1 })
    const full = wanted({ filename: 'a.json', size: 7, attributes: { x: 1 } })
    expect(plan([full], [stored(1)])).toEqual({ ...NOTHING, unchanged: 1 })
  })

  test.each<Partial<InventoryEvidence>>([
    { type: 'scan' },
    { key: 'b.json' },
    { collectedAt: 501 },
    { expiresAt: 900 },
    { filename: 'b.json' },
    { size: 8 },
    { attributes: { x: 2 } },
  ])('with another value changes its row: %j', (changes) => {
    const evidence = wanted(changes)
    expect(plan([evidence], [stored(1)])).toEqual({ ...NOTHING, update: [{ id: 1, evidence }] })
  })

  test('of new content is added', () => {
    const evidence = wanted({ sha256: 'bb' })
    expect(plan([evidence], [stored(1)])).toEqual({ ...NOTHING, insert: [evidence] })
  })

  test('that is stored several times is the row that is right, else the oldest', () => {
    const other = (id: number): StoredEvidence => stored(id, { key: 'other.json' })
    expect(plan([wanted()], [other(3), stored(9), other(4)])).toEqual({ ...NOTHING, unchanged: 1 })
    expect(plan([wanted()], [other(9), other(3)]).update).toEqual([{ id: 3, evidence: wanted() }])
  })
})

describe('evidence that the file does not name', () => {
  const rows = [stored(1), stored(2, { sha256: 'bb' }), stored(3, { sha256: 'bb' })]

  test('is removed by pruning only', () => {
    expect(plan([wanted()], rows, true)).toEqual({ ...NOTHING, remove: [2, 3], unchanged: 1 })
    expect(plan([wanted()], rows).remove).toEqual([])
  })

  test('is removed where the file lists none, and kept where it says nothing about evidence', () => {
    expect(plan([], rows, true).remove).toEqual([1, 2, 3])
    expect(plan(undefined, rows, true)).toEqual(NOTHING)
  })
})
