// After Sieve (OSDI '22): an operator fails on states between two writes, on an API server that lags behind, and on what
// it has not seen. Every scenario ends as it does when nothing goes wrong.
import fc from 'fast-check'
import { beforeAll, expect, it } from 'vitest'
import type { Outcome } from '../campaign/outcome.ts'
import { Performance } from '../campaign/performance.ts'
import { nameOf, perturbationsOf } from '../campaign/perturbations.ts'
import type { Perturbation } from '../campaign/perturbations.ts'
import { startRoutes } from '../campaign/routes.ts'
import type { Routes } from '../campaign/routes.ts'
import { SCENARIOS } from '../campaign/scenarios.ts'
import type { Scenario } from '../campaign/scenarios.ts'
import { campaignSeed, isLong, told } from '../campaign/seed.ts'
import { installCrd } from '../../../scripts/control-plane/crd.ts'
import { describeWithCluster, useNamespace } from '../namespace.ts'
import { until } from '../../../scripts/control-plane/until.ts'

/** One alone, by its name: `RAPIDRMF_CASE='crash after write 2'`. */
const only = process.env['RAPIDRMF_CASE']

describeWithCluster('whatever goes wrong on the way, it ends the same: a schedule that is', () => {
  const here = useNamespace('perturbation')
  const seed = campaignSeed('perturbation campaign')
  let routes: Routes
  beforeAll(async () => {
    await installCrd(here.admin)
    routes = await startRoutes(here.cluster)
  })

  const perform = async (scenario: Scenario, perturbation: Perturbation, judge: Judge): Promise<void> => {
    const performance = await Performance.prepare(here.cluster, routes, perturbation)
    try {
      await told(`${scenario.name}: ${nameOf(perturbation)}`, seed, async () => {
        await performance.play(scenario)
        await judge(performance)
      })
    } finally {
      await performance.end()
    }
  }

  it.concurrent.each(SCENARIOS)(
    '$name',
    async (scenario) => {
      let wanted: Outcome | undefined
      let perturbations: readonly Perturbation[] = []
      await perform(scenario, { kind: 'none' }, async (calm) => {
        wanted = await calm.outcome()
        perturbations = chosen(
          perturbationsOf(calm).filter(({ kind }) => !(kind === 'late write' && scenario.withoutLateWrites)),
          seed,
        )
        await endsAs(wanted, calm)
      })
      for (const perturbation of perturbations) {
        await perform(scenario, perturbation, (performance) => endsAs(wanted, performance))
      }
    },
    isLong ? 900_000 : 150_000,
  )
})

type Judge = (performance: Performance) => Promise<void>

async function endsAs(wanted: Outcome | undefined, performance: Performance): Promise<void> {
  let found = await performance.outcome()
  await until('the same end', async () => {
    found = await performance.outcome()
    return JSON.stringify(found.end) === JSON.stringify(wanted?.end) ? true : undefined
  }).catch(() => expect(found.end).toEqual(wanted?.end))
  expect(found.made).toEqual(wanted?.made)
  // What was about to be told when it crashed is not told; nothing else is, and nothing twice.
  expect(without(found.told, wanted?.told ?? [])).toEqual([])
  expect(performance.errors).toEqual([])
  expect(performance.struck || performance.hadNothingToStrike).toBe(true)
}

/** What is left of the first when each of the second has been taken away once. */
function without(all: readonly string[], some: readonly string[]): readonly string[] {
  const left = [...some]
  return all.filter((one) => {
    const at = left.indexOf(one)
    if (at >= 0) left.splice(at, 1)
    return at < 0
  })
}

function chosen(all: readonly Perturbation[], seed: number): readonly Perturbation[] {
  if (only !== undefined) return all.filter((perturbation) => nameOf(perturbation) === only)
  if (isLong) return all
  return fc.sample(fc.shuffledSubarray([...all], { minLength: 1, maxLength: 1 }), { seed, numRuns: 1 }).flat()
}
