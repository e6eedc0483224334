import { expect, it } from 'vitest'
import type { Failure } from '../../../../operator/kube/errors.ts'
import { consequenceOf } from '../../../../operator/reconcile/on-write-error.ts'

it.each<[Failure, object]>([
  [
    { kind: 'terminal', message: 'no' },
    { kind: 'learn', write: { kind: 'refused', message: 'words' } },
  ],
  [
    { kind: 'terminal', message: 'no', recheck: 5 },
    { kind: 'learn', write: { kind: 'forbidden', message: 'words', recheckAt: 1005 } },
  ],
  [{ kind: 'namespaceTerminating' }, { kind: 'learn', write: { kind: 'namespaceTerminating' } }],
  [{ kind: 'alreadyExists' }, { kind: 'look' }],
  [{ kind: 'conflict' }, { kind: 'stale' }],
  [
    { kind: 'wait', after: 7 },
    { kind: 'backOff', atLeast: 7 },
  ],
  [{ kind: 'transient' }, { kind: 'backOff', atLeast: 0 }],
  [{ kind: 'expired' }, { kind: 'backOff', atLeast: 0 }],
  [{ kind: 'notFound' }, { kind: 'stale' }],
  [{ kind: 'notLeader' }, { kind: 'drop' }],
])('%j', (failure, consequence) => {
  expect(consequenceOf(failure, 'words', 1000)).toEqual(consequence)
})

it('tells what does not go away', () => {
  const told = { kind: 'learn', write: { kind: 'failing', message: 'words' } }
  expect(consequenceOf({ kind: 'transient' }, 'words', 1000, 2)).toEqual({ kind: 'backOff', atLeast: 0 })
  expect(consequenceOf({ kind: 'transient' }, 'words', 1000, 3)).toEqual(told)
})
