// Reads the API server's audit log, from which the tests count writes.
import { openSync, readSync, closeSync, statSync } from 'node:fs'
import { OPERATOR } from './access.ts'
import { until } from './until.ts'

/** One write, whatever its result. */
export type AuditedWrite = {
  readonly verb: 'create' | 'update' | 'patch' | 'delete' | 'deletecollection'
  readonly user: string
  readonly userAgent: string
  readonly resource: string
  readonly subresource: string | undefined
  readonly namespace: string | undefined
  readonly name: string | undefined
  /** The HTTP status that was answered; 0 if the server died before. */
  readonly code: number
  readonly at: Date
  /** When the answer was complete. */
  readonly answeredAt: Date | undefined
}

/** Only entries for which all given properties are equal. `since`: a position that `auditPosition` gave. */
export type AuditFilter = Partial<Omit<AuditedWrite, 'at' | 'answeredAt'>> & { readonly since?: number }

/** One request that was answered, reads of the operator included, and whether its rights allowed it. */
export type AuditedRequest = {
  readonly verb: string
  readonly user: string
  readonly group: string
  readonly resource: string
  readonly subresource: string | undefined
  readonly allowed: boolean
}

/** Reads are many, and no budget counts them; those of the operator tell which of its rights it uses. */
export const AUDIT_POLICY = `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [ResponseStarted]
rules:
  - level: Metadata
    verbs: [create, update, patch, delete, deletecollection]
  - level: Metadata
    users: [${OPERATOR}]
    omitStages: [RequestReceived]
  - level: None
`

type Entry = {
  readonly auditID: string
  readonly stage: 'RequestReceived' | 'ResponseComplete' | 'Panic'
  readonly verb: AuditedWrite['verb']
  readonly user: { readonly username: string }
  readonly userAgent?: string
  readonly annotations?: Readonly<Record<string, string>>
  readonly objectRef?: {
    readonly apiGroup?: string
    readonly resource: string
    readonly subresource?: string
    readonly namespace?: string
    readonly name?: string
  }
  readonly responseStatus?: { readonly code: number }
  readonly requestReceivedTimestamp: string
  readonly stageTimestamp: string
}

/** The end of the log now, from which a later count can begin. */
export function auditPosition(file: string): number {
  return statSync(file).size
}

/**
 * The writes of which a client has had the answer are surely among them: a request is logged before it is handled, and
 * those without a logged answer yet are waited for.
 */
export async function auditedWrites(file: string, filter: AuditFilter = {}): Promise<AuditedWrite[]> {
  const { since = 0, ...wanted } = filter
  const deadline = Date.now() + 2_000
  const entries = await until('the audit log to be complete', () => {
    const found = readEntries(file, since)
    return isComplete(found) || Date.now() > deadline ? found : undefined
  })
  return toWrites(entries).filter((write) =>
    Object.entries(wanted).every(([key, value]) => write[key as keyof AuditedWrite] === value),
  )
}

/** Of a watch, only when it has ended. */
export function auditedRequests(file: string): AuditedRequest[] {
  return readEntries(file, 0).flatMap(({ stage, verb, user, objectRef, annotations }) => {
    const decision = annotations?.['authorization.k8s.io/decision']
    if (stage !== 'ResponseComplete' || objectRef === undefined || decision === undefined) return []
    const { apiGroup: group = '', resource, subresource } = objectRef
    return [{ verb, user: user.username, group, resource, subresource, allowed: decision === 'allow' }]
  })
}

function readEntries(file: string, since: number): Entry[] {
  const descriptor = openSync(file, 'r')
  try {
    const from = Math.max(0, since - 1)
    const buffer = Buffer.alloc(Math.max(0, statSync(file).size - from))
    const length = readSync(descriptor, buffer, 0, buffer.length, from)
    const text = buffer.toString('utf8', 0, length)
    // The last line may be half written, and that of the position may have been.
    const whole = text.slice(since === 0 ? 0 : text.indexOf('\n') + 1, text.lastIndexOf('\n') + 1)
    return whole.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as Entry]))
  } finally {
    closeSync(descriptor)
  }
}

function isComplete(entries: readonly Entry[]): boolean {
  const open = new Set<string>()
  for (const { auditID, stage } of entries) {
    if (stage === 'RequestReceived') open.add(auditID)
    else open.delete(auditID)
  }
  return open.size === 0
}

/** One write per request that was received in the period; its answer, if there is one, completes it. */
function toWrites(entries: readonly Entry[]): AuditedWrite[] {
  const answers = new Map(
    entries.filter(({ stage }) => stage !== 'RequestReceived').map((entry) => [entry.auditID, entry]),
  )
  return entries
    .filter(({ stage }) => stage === 'RequestReceived')
    .map((received) => toWrite(received, answers.get(received.auditID)))
}

/** The name that a create gets from the server is only in the answer's entry. */
function toWrite(received: Entry, answer: Entry | undefined): AuditedWrite {
  const target = { ...received.objectRef, ...answer?.objectRef }
  return {
    verb: received.verb,
    user: received.user.username,
    userAgent: received.userAgent ?? '',
    resource: target.resource ?? '',
    subresource: target.subresource,
    namespace: target.namespace,
    name: target.name,
    code: answer?.responseStatus?.code ?? 0,
    at: new Date(received.requestReceivedTimestamp),
    answeredAt: answer && new Date(answer.stageTimestamp),
  }
}
