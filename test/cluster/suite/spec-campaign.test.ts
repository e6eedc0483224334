// After Acto (SOSP '23): an operator must reach the declared state from any earlier state, recover from a bad declaration
// once it is corrected, and survive a bad declaration without damage.
import fc from 'fast-check'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { LivingSchedule } from '../campaign/living-schedule.ts'
import type { Place } from '../campaign/living-schedule.ts'
import { campaignSeed, isLong, withSeed } from '../campaign/seed.ts'
import { LIMIT_FLAGS } from '../campaign/spec-model.ts'
import { anyStep } from '../campaign/spec-steps.ts'
import type { Step } from '../campaign/spec-steps.ts'
import { installCrd } from '../../../scripts/control-plane/crd.ts'
import { hurried } from '../hurried-clock.ts'
import { describeWithCluster, useNamespace } from '../namespace.ts'
import { startOperator } from '../run-operator.ts'
import { schedulesIn } from '../schedules.ts'

const CHANGES = isLong ? 300 : 40
/** The number of steps between comparisons with a new operator; all schedules are compared at the end. */
const FRESH_EVERY = isLong ? 5 : 10

describeWithCluster('after any sequence of changes of the spec', () => {
  const here = useNamespace('spec-campaign')
  const elsewhere = useNamespace('spec-campaign-fresh')
  const seed = campaignSeed('spec campaign')
  let schedules: readonly LivingSchedule[]
  let stop: () => Promise<void>
  const start = () => {
    stop = startOperator({
      cluster: here.cluster,
      namespace: here.name,
      flags: LIMIT_FLAGS,
      clock: hurried,
    })
  }

  beforeAll(async () => {
    await installCrd(here.admin)
    const place: Place = {
      here,
      schedules: schedulesIn(here),
      elsewhere,
      schedulesElsewhere: schedulesIn(elsewhere),
    }
    schedules = ['alpha', 'beta', 'gamma'].map((name) => new LivingSchedule(name, place))
    start()
    await Promise.all(schedules.map((schedule) => schedule.create()))
  })
  afterAll(() => stop())

  const take = async (schedule: LivingSchedule, step: Step) => {
    if (step.unseen) await stop()
    await schedule.take(step)
    if (step.unseen) start()
    await schedule.check()
  }

  it(
    'the CronJob is that of a new operator for the last good spec, in two writes',
    async () => {
      const counts = new Map<string, number>()
      for (const [index, step] of stepsWith(CHANGES, seed).entries()) {
        const schedule = schedules[step.which % schedules.length]!
        const where = `step ${index}, on ${schedule.name}: ${JSON.stringify(step)}`
        await withSeed(where, seed, async () => {
          await take(schedule, step)
          if (index % FRESH_EVERY === 0) await schedule.checkAgainstFresh()
        })
        const what = `${step.kind}, ${schedule.model.flaw ?? 'good'}`
        counts.set(what, (counts.get(what) ?? 0) + 1)
      }
      process.stdout.write(`${JSON.stringify(Object.fromEntries(counts))}\n`)
      const all = [
        'change, good',
        'change, refused',
        'change, notAllowed',
        'change that the CRD refuses, good',
      ]
      const lacking = all.filter((what) => (counts.get(what) ?? 0) < 10)
      expect(isLong ? lacking : []).toEqual([])
    },
    isLong ? 900_000 : 120_000,
  )

  it('every schedule equals a new one once its flaws are corrected', async () => {
    for (const schedule of schedules) {
      await withSeed(`at the end, on ${schedule.name}`, seed, async () => {
        await take(schedule, { kind: 'undo', which: 0, unseen: false })
        await schedule.checkAgainstFresh()
      })
    }
  })
})

/** Generates changes of a spec, with other steps between them. */
function stepsWith(changes: number, seed: number): readonly Step[] {
  const steps = fc.sample(anyStep, { seed, numRuns: changes * 3 })
  const isChange = ({ kind }: Step) => kind.startsWith('change')
  const last = steps.findIndex((_, index) => steps.slice(0, index).filter(isChange).length === changes)
  return steps.slice(0, last)
}
