import { setTimeout as sleep } from 'node:timers/promises'
import type { ControlPlane } from './control-plane.ts'
import { startOperator } from './process.ts'
import type { Operator } from './process.ts'
import type { Memory } from './usage.ts'

type Writes = { readonly objects: number; readonly events: number }

export type Restart = {
  readonly ms: number
  readonly cpu: number
  readonly memory: Memory
  readonly writes: Writes
}

/** Starts the operator with the existing objects, and leaves it running. */
export async function restart(
  plane: ControlPlane,
  namespace: string,
  schedules: number,
): Promise<Restart & { readonly operator: Operator }> {
  const since = plane.cluster.auditPosition()
  const operator = await startOperator(plane.cluster, plane.program, namespace)
  const memory = operator.memory()
  const looks = await operator.reconciles()
  if (looks < schedules) throw new Error(`${looks} reconciles for ${schedules} schedules`)
  return {
    operator,
    ms: operator.started,
    cpu: operator.startCpu,
    memory,
    writes: await plane.operatorWrites(since),
  }
}

export type Steady = { readonly minutes: number; readonly memory: Memory; readonly writes: Writes }

/** The interval of scrapes: Prometheus' default is a minute, and many installations use less. */
const SCRAPE_EVERY = 15

/** Measures the steady state, in which only scrapes happen. */
export async function watchSteadyState(
  plane: ControlPlane,
  operator: Operator,
  seconds: number,
): Promise<Steady> {
  const since = plane.cluster.auditPosition()
  for (let left = seconds; left > 0; left -= SCRAPE_EVERY) {
    await sleep(1000 * Math.min(left, SCRAPE_EVERY))
    await operator.reconciles()
  }
  return { minutes: seconds / 60, memory: operator.memory(), writes: await plane.operatorWrites(since) }
}
