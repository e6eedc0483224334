// A schedule of a spec campaign: its steps, and the invariants after each step.
import { deepEqual, equal, notEqual, ok, rejects } from 'node:assert/strict'
import type { JsonPatch } from '../../../operator/kube/client.ts'
import { failureOf } from '../../../operator/kube/errors.ts'
import { RESOURCES } from '../../../operator/kube/object.ts'
import { childName } from '../../../operator/values/names.ts'
import { auditPosition, auditedWrites } from '../../../scripts/control-plane/audit-log.ts'
import type { AuditedWrite } from '../../../scripts/control-plane/audit-log.ts'
import { OPERATOR } from '../../../scripts/control-plane/access.ts'
import type { TestNamespace } from '../namespace.ts'
import { conditionOf } from '../schedules.ts'
import type { CronJob, Schedule, Schedules } from '../schedules.ts'
import { until } from '../../../scripts/control-plane/until.ts'
import { answer, freshAnswer, dryRun } from './fresh-answer.ts'
import type { Answer } from './fresh-answer.ts'
import { SpecModel } from './spec-model.ts'
import type { Step } from './spec-steps.ts'

export type Place = {
  readonly here: TestNamespace
  readonly schedules: Schedules
  /** A namespace with only the objects of a comparison. */
  readonly elsewhere: TestNamespace
  readonly schedulesElsewhere: Schedules
}

/** The time without a write after which the operator counts as settled. */
const QUIET_MS = 120

/** One less than the number of edits that count as a conflict with another writer. */
const MOST_EDITS = 4

/** The spec without `suspend`; undefined without a CronJob. */
type LastGood = { readonly spec: string | undefined }

/** A CronJob without its label is found when its name is taken. */
const ALREADY_EXISTS = 409

export class LivingSchedule {
  readonly name: string
  readonly model = new SpecModel()
  readonly #place: Place
  /** The CronJob of the last good spec: it stays, except `suspend`, while the spec is bad. */
  #lastGood: LastGood | undefined
  /** The number of edits of the CronJob by others since the spec changed: too many are a conflict. */
  #edits = 0
  /** The pending run request. */
  #request: string | undefined
  #since = 0

  constructor(name: string, place: Place) {
    this.name = name
    this.#place = place
  }

  async create(): Promise<void> {
    this.#since = this.#position()
    await this.#place.schedules.create(this.name, this.model.spec)
    await this.check()
  }

  async take(step: Step): Promise<void> {
    this.#since = this.#position()
    switch (step.kind) {
      case 'change':
        this.model.change(step.fields)
        return this.#write()
      case 'undo':
        this.model.undo()
        return this.#write()
      case 'change that the CRD refuses':
        return this.#refused(step.change, step.error)
      case 'edit of the CronJob':
        if ((this.#edits += 1) > MOST_EDITS) return
        await this.#edit(step.operations)
        return this.#leave()
      case 'deletion of the CronJob': {
        if ((this.#edits += 1) > MOST_EDITS) return
        const { client } = this.#place.schedules
        await client.remove(RESOURCES.cronJobs, this.#at(childName(this.name))).catch(unlessGone)
        return this.#leave()
      }
      case 'forged CronJob':
        return this.#forge()
      case 'run request':
        this.#request = step.token
        return this.#place.schedules.request(this.name, step.token)
      case 'nothing':
    }
  }

  /** Checks the invariants after a step. */
  async check(): Promise<void> {
    const { schedules } = this.#place
    const { generation } = (await schedules.read(this.name)).metadata
    await schedules.status(this.name, 'settled', (status) => status.observedGeneration === generation)
    if (this.model.flaw === undefined) await this.#checkGood()
    else await this.#checkFlawed()
    await this.#settled()
    this.#checkWrites(await this.#writes())
  }

  /** Compares with a new operator, except for a last good CronJob, which the new one cannot know. */
  async checkAgainstFresh(): Promise<void> {
    const { elsewhere, schedulesElsewhere, schedules } = this.#place
    const fresh = await freshAnswer(elsewhere, schedulesElsewhere, this.name, this.model.spec)
    const { metadata, status } = await schedules.read(this.name)
    const found = answer(await this.#cronJob(), metadata.uid, status?.conditions)
    if (this.model.flaw === undefined) {
      deepEqual(found, fresh)
      return
    }
    const withoutReady = ({ conditions }: Answer) => [conditions[0], conditions[2]]
    deepEqual(withoutReady(found), withoutReady(fresh))
    equal(fresh.spec, undefined)
  }

  // ── Invariants ────────────────────────────────────────────────────────────────────────────────────────────────

  async #checkGood(): Promise<void> {
    const { schedules, elsewhere } = this.#place
    const schedule = await schedules.read(this.name)
    const wanted = await dryRun(elsewhere, schedule)
    if (!('spec' in wanted)) throw new Error(`not a good spec: ${wanted.error}`)
    await until(`${this.name}: the CronJob that the spec asks for`, async () => {
      const cronJob = await this.#cronJob()
      return JSON.stringify(cronJob?.spec) === JSON.stringify(wanted.spec) && isMarked(cronJob, schedule)
        ? true
        : undefined
    }).catch(async () => deepEqual((await this.#cronJob())?.spec, wanted.spec))
    if (this.#request !== undefined) await this.#checkRun(this.#request)
    await this.#checkConditions(undefined)
  }

  async #checkFlawed(): Promise<void> {
    const { schedules, elsewhere } = this.#place
    await this.#settled()
    const schedule = await schedules.read(this.name)
    const result = await dryRun(elsewhere, schedule)
    if (this.model.flaw === 'refused' && !('error' in result)) throw new Error('not a bad spec')
    const cronJob = await this.#cronJob()
    equal(withoutSuspend(cronJob), this.#lastGood?.spec, 'the CronJob was touched')
    const suspend = this.model.flaw === 'notAllowed' || this.model.spec['suspend'] === true
    if (cronJob !== undefined) equal(cronJob.spec['suspend'], suspend)
    if (this.#request !== undefined) notEqual(schedule.status?.lastHandledRunRequest, this.#request)
    const ready = this.#readyMessage(cronJob !== undefined, suspend)
    // A CronJob without its label is not watched, and found missing at the next live read.
    await schedules.status(this.name, ready, (status) => conditionOf(status, 'Ready')?.message === ready)
    await this.#checkConditions('error' in result ? result.error : undefined)
  }

  #readyMessage(exists: boolean, suspended: boolean): string {
    if (!exists) return 'there is no CronJob'
    const lastGood = 'the CronJob is still that of the last good spec'
    if (!suspended) return lastGood
    return `${lastGood}, and is suspended${this.model.flaw === 'notAllowed' ? ' until the spec is allowed' : ''}`
  }

  async #checkConditions(error: string | undefined): Promise<void> {
    const { schedules } = this.#place
    const { metadata, status = {} } = await schedules.read(this.name)
    const first = status.conditions?.slice(0, 3) ?? []
    const shown = first.map(({ type, status, reason }) => `${type} ${status} ${reason}`)
    deepEqual(shown, this.model.conditions)
    ok(first.every(({ observedGeneration }) => observedGeneration === metadata.generation))
    // Messages of conditions are one line, with runs of spaces merged.
    const oneLine = error?.replaceAll(/ {2,}/g, ' ')
    if (this.model.flaw === 'refused') equal(conditionOf(status, 'Accepted')?.message, oneLine)
  }

  /** Checks that the requested run is made once, and ends it: its pod does not always have what it needs. */
  async #checkRun(token: string): Promise<void> {
    const { schedules } = this.#place
    this.#request = undefined
    await schedules.status(
      this.name,
      `acknowledging ${token}`,
      ({ lastHandledRunRequest }) => lastHandledRunRequest === token,
    )
    const [job, ...others] = await schedules.jobsOf(this.name)
    deepEqual(others, [])
    await schedules.client.remove(RESOURCES.jobs, this.#at(job?.metadata.name ?? ''))
    await schedules.status(
      this.name,
      'with the end of the run',
      ({ lastRun, active }) => lastRun?.jobUID === job?.metadata.uid && active === undefined,
    )
  }

  /** Checks the number of writes: two for a change, also a refused one; more for a run in between. */
  #checkWrites(writes: readonly AuditedWrite[]): void {
    const of = (resource: string) => writes.filter((write) => write.resource === resource)
    const [cronJobs, statuses, jobs] = [of('cronjobs'), of('validationschedules'), of('jobs')]
    const text = writes.map(({ verb, resource, code }) => `${verb} ${resource} ${code}`).join(', ')
    const attempts = cronJobs.filter(({ code }) => code !== ALREADY_EXISTS)
    const brakes = attempts.filter(({ verb }) => verb === 'patch').length
    ok(attempts.length - brakes <= (this.model.flaw === 'notAllowed' ? 0 : 1), text)
    ok(brakes <= (this.model.flaw === undefined ? 0 : 1), text)
    ok(jobs.length <= 1 && statuses.length <= 1 + jobs.length, text)
  }

  // ── Steps ─────────────────────────────────────────────────────────────────────────────────────────────────────

  async #write(): Promise<void> {
    this.#edits = 0
    if (this.model.flaw === undefined) this.#lastGood = undefined
    else if (this.#lastGood === undefined) await this.#leave()
    const { spec } = this.model
    await this.#place.schedules.patch(this.name, [{ op: 'replace', path: '/spec', value: spec }])
  }

  async #edit(operations: JsonPatch): Promise<void> {
    if ((await this.#cronJob()) === undefined) return
    await this.#place.schedules.patchCronJob(this.name, operations).catch((error: unknown) => {
      // The path may be missing since an earlier edit that is not repaired yet.
      if (this.model.flaw === undefined) throw error
    })
  }

  /** Removes a foreign CronJob. With a bad spec it would stay, because it is not that of the last good spec. */
  async #forge(): Promise<void> {
    if (this.model.flaw !== undefined || (this.#edits += 1) > MOST_EDITS) return
    const { schedules } = this.#place
    const { client } = schedules
    const at = this.#at(childName(this.name))
    await client.remove(RESOURCES.cronJobs, at).catch(unlessGone)
    const { uid = '' } = (await schedules.read(this.name)).metadata
    const container = { name: 'forged', image: 'evil.example/job:1' }
    await client.create(RESOURCES.cronJobs, {
      apiVersion: 'batch/v1',
      kind: 'CronJob',
      metadata: {
        ...at,
        labels: { 'app.kubernetes.io/managed-by': 'rapidrmf-operator', 'rapidrmf.io/schedule-uid': uid },
        annotations: { 'rapidrmf.io/slots-since': '2099-01-01T00:00:00Z', 'rapidrmf.io/spec-hash': 'banana' },
      },
      spec: {
        schedule: '0 0 1 1 *',
        jobTemplate: { spec: { template: { spec: { restartPolicy: 'Never', containers: [container] } } } },
      },
    })
  }

  async #refused(change: object, error: string): Promise<void> {
    const { schedules } = this.#place
    const before = await schedules.read(this.name)
    const value = { ...before.spec, ...change }
    await rejects(
      schedules.patch(this.name, [{ op: 'replace', path: '/spec', value }]),
      ({ message }: Error) => message.includes(error),
    )
    const after = await schedules.read(this.name)
    deepEqual([after.metadata.generation, after.spec], [before.metadata.generation, before.spec])
  }

  /** Notes that the operator leaves the CronJob alone until the spec is good. */
  async #leave(): Promise<void> {
    if (this.model.flaw === undefined) return
    this.#lastGood = { spec: withoutSuspend(await this.#cronJob()) }
  }

  // ── Reading ───────────────────────────────────────────────────────────────────────────────────────────────────

  #at(name: string): { readonly namespace: string; readonly name: string } {
    return { namespace: this.#place.here.name, name }
  }

  #cronJob(): Promise<CronJob | undefined> {
    return this.#place.schedules.find<CronJob>(RESOURCES.cronJobs, childName(this.name))
  }

  #position(): number {
    return auditPosition(this.#place.here.cluster.auditLog)
  }

  async #writes(): Promise<readonly AuditedWrite[]> {
    const { here } = this.#place
    const filter = { since: this.#since, namespace: here.name, user: OPERATOR }
    const all = await auditedWrites(here.cluster.auditLog, filter)
    return all.filter(({ resource, name }) => resource !== 'events' && name?.startsWith(this.name))
  }

  async #settled(): Promise<void> {
    let [count, at] = [-1, Date.now()]
    await until(`${this.name}: an operator that has settled`, async () => {
      const { length } = await this.#writes()
      if (length !== count) [count, at] = [length, Date.now()]
      return Date.now() - at >= QUIET_MS ? true : undefined
    })
  }
}

function withoutSuspend(cronJob: CronJob | undefined): string | undefined {
  return cronJob && JSON.stringify({ ...cronJob.spec, suspend: undefined })
}

function isMarked(cronJob: CronJob | undefined, { metadata }: Schedule): boolean {
  const { labels, annotations, ownerReferences } = cronJob?.metadata ?? {}
  return (
    labels?.['rapidrmf.io/schedule-uid'] === metadata.uid &&
    annotations?.['rapidrmf.io/schedule'] === metadata.name &&
    ownerReferences?.[0]?.uid === metadata.uid
  )
}

function unlessGone(error: unknown): void {
  if (failureOf(error).kind !== 'notFound') throw error
}
