// What people do to living schedules in the course of a spec campaign.
import fc from 'fast-check'
import type { Arbitrary } from 'fast-check'
import type { JsonPatch } from '../../../operator/kube/client.ts'
import { REFUSED } from '../suite/api-cases.ts'
import { FIELDS } from './spec-fields.ts'
import type { Field } from './spec-fields.ts'

/** Accepted by the CRD, and no good all the same. */
export type Flaw = 'refused' | 'notAllowed'
export type FieldChange = { readonly path: string; readonly value: unknown; readonly flaw?: Flaw }

type Action =
  | { readonly kind: 'change'; readonly fields: readonly FieldChange[] }
  /** Back to the last good spec; where the present one is good, that changes nothing. */
  | { readonly kind: 'undo' }
  | { readonly kind: 'change that the CRD refuses'; readonly change: object; readonly words: string }
  | { readonly kind: 'edit of the CronJob'; readonly operations: JsonPatch }
  | { readonly kind: 'deletion of the CronJob' }
  /** One of somebody's own in its place, with the operator's labels, while that is away. */
  | { readonly kind: 'forged CronJob' }
  | { readonly kind: 'run request'; readonly token: string }
  | { readonly kind: 'nothing' }

export type Step = Action & {
  /** Of which schedule; a number to be taken modulo theirs. */
  readonly which: number
  /** The operator is away meanwhile. */
  readonly unseen: boolean
}

function fieldChange([path, field]: [string, Field]): Arbitrary<FieldChange> {
  const { good, refused, notAllowed, required = false } = field
  const as = (values: Arbitrary<unknown> | undefined, weight: number, flaw?: Flaw) =>
    values === undefined
      ? []
      : [{ weight, arbitrary: values.map((value) => ({ path, value, ...(flaw && { flaw }) })) }]
  return fc.oneof(
    ...as(good, 8),
    ...as(required ? undefined : fc.constant(undefined), 4),
    ...as(refused, 3, 'refused'),
    ...as(notAllowed, 3, 'notAllowed'),
  )
}

/** There are few fields that the operator's flags limit. */
const limited = Object.entries(FIELDS).filter(([, { notAllowed }]) => notAllowed !== undefined)

const anyFieldChange = fc.oneof(...[...Object.entries(FIELDS), ...limited, ...limited].map(fieldChange))

/** Mostly at most one flaw, so that it is this one's words that the status shows. */
const anyChange = fc
  .uniqueArray(anyFieldChange, { selector: ({ path }) => path, minLength: 1, maxLength: 3 })
  .map((fields) => ({ kind: 'change' as const, fields }))

/** Unknown fields are dropped where nobody asks for strictness. */
const anyCrdRefusal = fc
  .constantFrom(...REFUSED.filter(([, , words]) => !words.startsWith('unknown field')))
  .map(([, change, words]) => ({ kind: 'change that the CRD refuses' as const, change, words }))

const POD = '/spec/jobTemplate/spec/template/spec'
const EDITS: readonly JsonPatch[] = [
  [{ op: 'replace', path: '/spec/schedule', value: '0 0 30 2 *' }],
  [{ op: 'replace', path: '/spec/timeZone', value: 'Pacific/Chatham' }],
  [{ op: 'replace', path: '/spec/concurrencyPolicy', value: 'Allow' }],
  [{ op: 'remove', path: '/spec/startingDeadlineSeconds' }],
  [{ op: 'add', path: '/spec/jobTemplate/spec/ttlSecondsAfterFinished', value: 5 }],
  [{ op: 'add', path: '/spec/jobTemplate/spec/parallelism', value: 2 }],
  [{ op: 'add', path: '/spec/jobTemplate/spec/parallelism', value: 0 }],
  [{ op: 'add', path: '/spec/jobTemplate/spec/completions', value: 0 }],
  [{ op: 'add', path: '/spec/jobTemplate/spec/ttlSecondsAfterFinished', value: 0 }],
  [{ op: 'add', path: `${POD}/terminationGracePeriodSeconds`, value: 0 }],
  [{ op: 'add', path: `${POD}/hostUsers`, value: false }],
  [{ op: 'remove', path: `${POD}/automountServiceAccountToken` }],
  [{ op: 'remove', path: `${POD}/containers/0/securityContext/allowPrivilegeEscalation` }],
  [{ op: 'add', path: '/metadata/annotations/rapidrmf.io~1slots-since', value: '1990-01-01T00:00:00Z' }],
  [{ op: 'add', path: '/metadata/annotations/rapidrmf.io~1spec-hash', value: 'banana' }],
  [{ op: 'remove', path: '/spec/jobTemplate/spec/podFailurePolicy' }],
  [{ op: 'replace', path: `${POD}/containers/0/image`, value: 'evil.example/job:1' }],
  [{ op: 'remove', path: `${POD}/containers/0/env/0` }],
  [{ op: 'add', path: `${POD}/containers/-`, value: { name: 'more', image: 'more' } }],
  [{ op: 'add', path: `${POD}/initContainers`, value: [{ name: 'first', image: 'first' }] }],
  [{ op: 'add', path: `${POD}/terminationGracePeriodSeconds`, value: 5 }],
  [{ op: 'add', path: `${POD}/hostNetwork`, value: true }],
  [{ op: 'add', path: `${POD}/nodeSelector`, value: { somewhere: 'else' } }],
  [{ op: 'add', path: `${POD}/securityContext`, value: {} }],
  [{ op: 'remove', path: '/metadata/labels/rapidrmf.io~1schedule-uid' }],
  [{ op: 'remove', path: '/metadata/annotations' }],
  [{ op: 'remove', path: '/spec/jobTemplate/metadata/labels' }],
]

const weighted = (weight: number, arbitrary: Arbitrary<Action>) => ({ weight, arbitrary })

/** More than half are changes of the spec. */
export const anyStep: Arbitrary<Step> = fc
  .tuple(
    fc.oneof(
      weighted(48, anyChange),
      weighted(12, fc.constant({ kind: 'undo' })),
      weighted(10, anyCrdRefusal),
      weighted(
        14,
        fc.constantFrom(...EDITS).map((operations) => ({ kind: 'edit of the CronJob', operations })),
      ),
      weighted(5, fc.constant({ kind: 'deletion of the CronJob' })),
      weighted(3, fc.constant({ kind: 'forged CronJob' })),
      weighted(
        5,
        fc.uuid().map((token) => ({ kind: 'run request', token })),
      ),
      weighted(3, fc.constant({ kind: 'nothing' })),
    ),
    fc.record({ which: fc.nat(99), unseen: fc.integer({ min: 0, max: 9 }).map((dice) => dice === 0) }),
  )
  .map(([action, how]) => ({ ...action, ...how, unseen: how.unseen || action.kind === 'forged CronJob' }))
