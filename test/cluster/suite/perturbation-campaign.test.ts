// After Sieve (OSDI '22): operators have bugs in states between two writes, with a stale API server, and with events that
// they have not seen. Every scenario must end like without a perturbation.
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
import { campaignSeed, isLong, withSeed } from '../campaign/seed.ts'
import { installCrd } from '../../../scripts/control-plane/crd.ts'
import { describeWithCluster, useNamespace } from '../namespace.ts'
import { until } from '../../../scripts/control-plane/until.ts'

/** The name of a single perturbation: `RAPIDRMF_CASE='crash after write 2'`. */
const only = process.env['RAPIDRMF_CASE']

describeWithCluster('the final state is the same with every perturbation for a schedule that is', () => {
  const here = useNamespace('perturbation')
  const seed = campaignSeed('perturbation campaign')
  let routes: Routes
  beforeAll(async () => {
    await installCrd(here.admin)
    routes = await startRoutes(here.cluster)
  })

  const perform = async (scenario: Scenario, perturbation: Perturbation, check: Check): Promise<void> => {
    const performance = await Performance.prepare(here.cluster, routes, perturbation)
    try {
      await withSeed(`${scenario.name}: ${nameOf(perturbation)}`, seed, async () => {
        await performance.play(scenario)
        await check(performance)
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

type Check = (performance: Performance) => Promise<void>

async function endsAs(wanted: Outcome | undefined, performance: Performance): Promise<void> {
  let found = await performance.outcome()
  await until('the same end', async () => {
    found = await performance.outcome()
    return JSON.stringify(found.end) === JSON.stringify(wanted?.end) ? true : undefined
  }).catch(() => expect(found.end).toEqual(wanted?.end))
  expect(found.made).toEqual(wanted?.made)
  // A crash may lose pending events; there are no others, and none twice.
  expect(without(found.reported, wanted?.reported ?? [])).toEqual([])
  expect(performance.errors).toEqual([])
  expect(performance.struck || performance.hadNothingToStrike).toBe(true)
}

/** The elements of the first list without those of the second, each removed once. */
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
