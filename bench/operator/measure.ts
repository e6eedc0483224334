import { median } from '../report.ts'
import type { Figure } from '../report.ts'
import { bulkRound, deploymentsRound } from './bulk.ts'
import type { BulkRound } from './bulk.ts'
import { startControlPlane } from './control-plane.ts'
import type { ControlPlane } from './control-plane.ts'
import { addHistories, checkHistories, JOBS } from './history.ts'
import { oneByOne } from './one-by-one.ts'
import type { OneByOne } from './one-by-one.ts'
import { startOperator } from './process.ts'
import { restart, watchSteadyState } from './restart.ts'
import type { Restart, Steady } from './restart.ts'
import { memoryOf } from './usage.ts'

export type Size = { readonly schedules: number; readonly rounds: number; readonly steadySeconds: number }

const MB = 1e6

/** Measures everything for one number of schedules, on a new cluster. */
export async function measure(size: Size, log: (text: string) => void): Promise<Figure[]> {
  const { schedules, rounds } = size
  log('Deployments')
  const deployments = await deploymentsRound(schedules)
  const plane = await startControlPlane()
  try {
    const { cluster, client } = plane
    const namespace = await cluster.createNamespace('operator')
    const bare = await cluster.createNamespace('bare')
    // No measurement needs the controller manager. It would use part of the machine, and it must not run the Jobs.
    cluster.pause('kube-controller-manager')
    const bulk = await bulkRounds(plane, { operator: namespace, bare }, size, log)
    log(`${schedules * JOBS} Jobs with pods`)
    await addHistories(plane, namespace)
    cluster.resume('kube-controller-manager')
    await plane.quiet()
    const restarts: Restart[] = []
    for (let round = 1; round < rounds; round += 1) {
      log(`restart ${round}`)
      const { operator, ...result } = await restart(plane, namespace, schedules)
      restarts.push(result)
      await operator.stop()
    }
    log('last restart')
    const { operator, ...result } = await restart(plane, namespace, schedules)
    restarts.push(result)
    log('steady state')
    const steady = await watchSteadyState(plane, operator, size.steadySeconds)
    await checkHistories(client, namespace, schedules)
    const servers = serverFigures(plane)
    log('one by one')
    cluster.pause('kube-controller-manager')
    const single = await oneByOne(plane, namespace)
    await operator.stop()
    return [
      ...bulkFigures(bulk, deployments),
      ...singleFigures(single),
      ...restFigures(restarts, steady),
      ...servers,
    ]
  } finally {
    await plane.stop()
  }
}

async function bulkRounds(
  plane: ControlPlane,
  namespaces: { readonly operator: string; readonly bare: string },
  { schedules, rounds }: Size,
  log: (text: string) => void,
): Promise<BulkRound[]> {
  const operator = await startOperator(plane.cluster, plane.program, namespaces.operator)
  const results: BulkRound[] = []
  for (let round = 1; round <= rounds; round += 1) {
    log(`bulk, round ${round}`)
    results.push(await bulkRound(plane, namespaces, schedules))
  }
  await operator.stop()
  return results
}

function bulkFigures(rounds: readonly BulkRound[], deployments: number): Figure[] {
  const of = (value: (round: BulkRound) => number): number => median(rounds.map(value))
  return [
    { name: 'bulk: CronJobs by the operator', value: of(({ operator }) => operator) / 1000, unit: 's' },
    { name: 'bulk: of that, posting the schedules', value: of(({ applied }) => applied) / 1000, unit: 's' },
    { name: 'bulk: the same CronJobs by a bare client', value: of(({ bare }) => bare) / 1000, unit: 's' },
    // Within a round both sides have the same load of the machine.
    {
      name: 'bulk: operator / bare client',
      value: of(({ operator, bare }) => operator / bare),
      unit: '×',
      budget: { atMost: 2 },
    },
    // For information: the operator compared with the API server's time for both kinds of objects.
    {
      name: 'bulk: operator / bare client that makes the schedules, too',
      value: of(({ operator, bare, schedules }) => operator / (bare + schedules)),
      unit: '×',
    },
    { name: 'Deployments → ReplicaSets by Kubernetes', value: deployments / 1000, unit: 's' },
  ]
}

function singleFigures({ cronJob, mirrored }: OneByOne): Figure[] {
  const p95 = (values: readonly number[]): number =>
    values.toSorted((a, b) => a - b)[Math.ceil(values.length * 0.95) - 1] ?? NaN
  return [
    {
      name: 'one schedule → its CronJob, median',
      value: median(cronJob),
      unit: 'ms',
      budget: { atMost: 25 },
    },
    { name: 'one schedule → its CronJob, p95', value: p95(cronJob), unit: 'ms' },
    { name: 'Job finished → status, median', value: median(mirrored), unit: 'ms', budget: { atMost: 250 } },
    { name: 'Job finished → status, p95', value: p95(mirrored), unit: 'ms' },
  ]
}

function restFigures(restarts: readonly Restart[], steady: Steady): Figure[] {
  const worst = (value: (restart: Restart) => number): number => Math.max(...restarts.map(value))
  return [
    {
      name: 'restart: until all is looked at',
      value: median(restarts.map(({ ms }) => ms)) / 1000,
      unit: 's',
      budget: { atMost: 10 },
    },
    { name: 'restart: CPU', value: median(restarts.map(({ cpu }) => cpu)) / 1000, unit: 's' },
    {
      name: 'restart: writes',
      value: worst(({ writes }) => writes.objects),
      unit: '',
      budget: { atMost: 0 },
    },
    { name: 'restart: events', value: worst(({ writes }) => writes.events), unit: '' },
    { name: 'RSS after the restart', value: worst(({ memory }) => memory.now) / MB, unit: 'MB' },
    {
      name: 'peak RSS of the restart',
      value: worst(({ memory }) => memory.peak) / MB,
      unit: 'MB',
      budget: { atMost: 250 },
    },
    {
      name: 'steady state: writes per minute',
      value: steady.writes.objects / steady.minutes,
      unit: '',
      budget: { atMost: 0 },
    },
    { name: 'steady state: events per minute', value: steady.writes.events / steady.minutes, unit: '' },
    { name: 'steady state: RSS', value: steady.memory.now / MB, unit: 'MB' },
    {
      name: 'steady state: peak RSS, with scrapes',
      value: steady.memory.peak / MB,
      unit: 'MB',
      budget: { atMost: 250 },
    },
  ]
}

function serverFigures({ cluster }: ControlPlane): Figure[] {
  return (['kube-apiserver', 'kube-controller-manager'] as const).map((server) => ({
    name: `RSS of ${server}`,
    value: memoryOf(cluster.pidOf(server)).now / MB,
    unit: 'MB',
  }))
}
