// The steps of a spec campaign: what people do to schedules.
import fc from 'fast-check'
import type { Arbitrary } from 'fast-check'
import type { JsonPatch } from '../../../operator/kube/client.ts'
import { REFUSED } from '../suite/api-cases.ts'
import { FIELDS } from './spec-fields.ts'
import type { Field } from './spec-fields.ts'

/** Flaws that pass the CRD. */
export type Flaw = 'refused' | 'notAllowed'
export type FieldChange = { readonly path: string; readonly value: unknown; readonly flaw?: Flaw }

type Action =
  | { readonly kind: 'change'; readonly fields: readonly FieldChange[] }
  /** Restores the last good spec; changes nothing if the present one is good. */
  | { readonly kind: 'undo' }
  | { readonly kind: 'change that the CRD refuses'; readonly change: object; readonly error: string }
  | { readonly kind: 'edit of the CronJob'; readonly operations: JsonPatch }
  | { readonly kind: 'deletion of the CronJob' }
  /** Replaces the CronJob by a foreign one with the operator's labels, while the operator is stopped. */
  | { readonly kind: 'forged CronJob' }
  | { readonly kind: 'run request'; readonly token: string }
  | { readonly kind: 'nothing' }

export type Step = Action & {
  /** The schedule, as a number modulo their count. */
  readonly which: number
  /** True if the operator is stopped during the step. */
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

/** Chooses among the few fields that the operator's flags limit. */
const limited = Object.entries(FIELDS).filter(([, { notAllowed }]) => notAllowed !== undefined)

const anyFieldChange = fc.oneof(...[...Object.entries(FIELDS), ...limited, ...limited].map(fieldChange))

/** Mostly at most one flaw, so that the status shows the error of this one. */
const anyChange = fc
  .uniqueArray(anyFieldChange, { selector: ({ path }) => path, minLength: 1, maxLength: 3 })
  .map((fields) => ({ kind: 'change' as const, fields }))

/** Changes that the CRD refuses. Without strict validation, unknown fields are dropped and not refused. */
const anyCrdRefusal = fc
  .constantFrom(...REFUSED.filter(([, , error]) => !error.startsWith('unknown field')))
  .map(([, change, error]) => ({ kind: 'change that the CRD refuses' as const, change, error }))

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

/** The steps; more than half are changes of the spec. */
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
