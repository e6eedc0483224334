// Reads the API server's audit log, from which the tests count writes.
import { openSync, readSync, closeSync, statSync } from 'node:fs'
import { OPERATOR } from './access.ts'
import { until } from './until.ts'

/** One write, successful or not. */
export type AuditedWrite = {
  readonly verb: 'create' | 'update' | 'patch' | 'delete' | 'deletecollection'
  readonly user: string
  readonly userAgent: string
  readonly resource: string
  readonly subresource: string | undefined
  readonly namespace: string | undefined
  readonly name: string | undefined
  /** The HTTP status of the response; 0 if the server died before it. */
  readonly code: number
  readonly at: Date
  /** The time at which the response was complete. */
  readonly answeredAt: Date | undefined
}

/** Selects entries for which all given properties are equal. `since`: a position from `auditPosition`. */
export type AuditFilter = Partial<Omit<AuditedWrite, 'at' | 'answeredAt'>> & { readonly since?: number }

/** One request with a response, reads of the operator included, and whether it was authorized. */
export type AuditedRequest = {
  readonly verb: string
  readonly user: string
  readonly group: string
  readonly resource: string
  readonly subresource: string | undefined
  readonly allowed: boolean
}

/** The audit policy: all writes, and only the operator's reads, which show the permissions that it uses. */
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

/** The present end of the log, from which a later count can begin. */
export function auditPosition(file: string): number {
  return statSync(file).size
}

/**
 * Returns the writes. All writes with a response are among them: a request is logged before it is handled, and this waits
 * for the responses of logged requests.
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

/** Returns requests with a response; a watch is included only after its end. */
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
    // The last line may be incomplete, and so may the first one, at the position.
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

/** Returns one write per request in the period, completed by its response if there is one. */
function toWrites(entries: readonly Entry[]): AuditedWrite[] {
  const answers = new Map(
    entries.filter(({ stage }) => stage !== 'RequestReceived').map((entry) => [entry.auditID, entry]),
  )
  return entries
    .filter(({ stage }) => stage === 'RequestReceived')
    .map((received) => toWrite(received, answers.get(received.auditID)))
}

/** The name of the object. A name that the server generates is only in the entry of the response. */
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
