import { Writable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { pino } from 'pino'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { Clock } from '../../common/clock.ts'
import { auditPosition } from '../../scripts/control-plane/audit-log.ts'
import { installCrd } from '../../scripts/control-plane/crd.ts'
import { useNamespace } from './namespace.ts'
import type { TestNamespace } from './namespace.ts'
import { startOperator } from './run-operator.ts'
import { is, schedulesIn } from './schedules.ts'
import type { Schedules } from './schedules.ts'

/** A namespace of one test file, with an operator that runs in the test's process. */
export type OperatedNamespace = {
  readonly here: TestNamespace
  readonly schedules: Schedules
  start(): void
  stop(): Promise<void>
  /** The present end of the audit log. */
  position(): number
  /** Stops the operator, calls `meanwhile`, starts it again. Returns its writes until it has reconciled all schedules. */
  restart(meanwhile?: () => Promise<unknown>): Promise<string[]>
  /** The errors in the operator's log: events in a cluster must not cause any. */
  errors(): readonly string[]
}

export type Operation = { readonly flags?: () => readonly string[]; readonly clock?: Clock }

const QUIET_MS = 300

/** Creates namespace and operator. Call it inside of describeWithCluster; later beforeAll hooks can use the result. */
export function useOperator(prefix: string, { flags, clock }: Operation = {}): OperatedNamespace {
  const here = useNamespace(prefix)
  const errors: string[] = []
  let schedules: Schedules | undefined
  let stop = async (): Promise<void> => {}
  const start = (): void => {
    stop = startOperator({
      cluster: here.cluster,
      namespace: here.name,
      flags: flags?.() ?? [],
      ...(process.env['RAPIDRMF_TEST_LOG'] === undefined && { log: pino({ level: 'error' }, into(errors)) }),
      ...(clock && { clock }),
    })
  }
  const position = (): number => auditPosition(here.cluster.auditLog)
  let restarts = 0
  const operated: OperatedNamespace = {
    here,
    get schedules() {
      if (schedules === undefined) throw new Error('the namespace exists only while tests run')
      return schedules
    },
    start,
    stop: () => stop(),
    position,
    restart: async (meanwhile = async () => {}) => {
      await stop()
      await meanwhile()
      const since = position()
      start()
      // The key of this schedule is queued after all that the operator finds at its start, some of which need live reads.
      const last = `last-of-restart-${(restarts += 1)}`
      await becomesReady(operated.schedules, last)
      const writes = await settled(() => operated.schedules.writes(since))
      return writes.filter((write) => !write.includes(last))
    },
    errors: () => errors,
  }
  beforeAll(async () => {
    await installCrd(here.admin)
    schedules = schedulesIn(here)
    start()
  })
  afterAll(() => stop())
  return operated
}

/** Adds a last test: after all others the operator still works, and has logged no error. */
export function itIsStillAtWork(operated: OperatedNamespace): void {
  it('still works at the end, without an error in its log', async () => {
    await becomesReady(operated.schedules, 'in-the-end')
    expect(operated.errors()).toEqual([])
  })
}

async function becomesReady(schedules: Schedules, name: string): Promise<void> {
  await schedules.create(name)
  await schedules.status(name, 'Ready', is('Ready', 'True'))
}

/** Returns the list when it has stopped growing. */
async function settled<T>(read: () => Promise<T[]>): Promise<T[]> {
  let found = await read()
  for (;;) {
    await sleep(QUIET_MS)
    const later = await read()
    if (later.length === found.length) return later
    found = later
  }
}

function into(lines: string[]): Writable {
  return new Writable({
    write(chunk: Buffer, _encoding, done) {
      lines.push(chunk.toString())
      done()
    },
  })
}
