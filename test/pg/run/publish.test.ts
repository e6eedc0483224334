import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { RunSummary } from '../../../crds/run-summary.ts'
import { listControlFigures } from '../../../job-image/db/record/control-figures.ts'
import { readResults } from '../../../job-image/db/record/result-reads.ts'
import { connect, disconnect } from '../../../job-image/db/session/client.ts'
import { executeRun } from '../../../job-image/run/job.ts'
import { createDatabase } from '../../support/database.ts'
import { addForeignResult, controlIds } from '../../support/history.ts'
import { runRequest } from '../../support/request.ts'
import { seedWorld } from '../../support/world.ts'

/** Two databases with the same systems and evidence; the second one publishes nothing. */
const published = await createDatabase()
const recorded = await createDatabase()
const WORLD = {
  systems: 3,
  controls: ['AC-1', 'AC-2', 'AC-2(1)', 'AU-2', 'ZZ-1'],
  evidence: ['audit-log', 'iam-policy'],
}
const systems = await seedWorld(published.client, WORLD)
await seedWorld(recorded.client, WORLD)
const controls = await controlIds(published.client)
const DAY = { months: 0, seconds: 86_400 }

/** Everything that the commands show of the newest run and the latest results, without times. */
async function shown({ client, url }: typeof published, summary: RunSummary): Promise<unknown> {
  const reader = await connect({ url })
  const results = async (runId: number | undefined): Promise<unknown[]> => {
    const found: unknown[] = []
    for await (const page of readResults(reader, { environment: 'production', runId })) {
      found.push(...page.map((row) => ({ ...row, validatedAt: '', confirmedAt: '' })))
    }
    return found
  }
  const figures = await listControlFigures(client, summary.runId!)
  const all = {
    counts: summary.counts,
    carried: summary.carried,
    run: await results(summary.runId!),
    latest: await results(undefined),
    figures: figures.map((each) => ({ ...each, decide_us: 0 })),
  }
  await disconnect(reader)
  return all
}

const step = fc.oneof(
  fc.record({ kind: fc.constant('run' as const), incremental: fc.boolean() }),
  fc.record({
    kind: fc.constant('renew' as const),
    system: fc.nat(2),
    key: fc.constantFrom('a.json', 'b.json'),
  }),
  fc.record({ kind: fc.constant('remove' as const), system: fc.nat(2) }),
  fc.record({ kind: fc.constant('foreign' as const), system: fc.nat(2), control: fc.nat(4) }),
)
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never

async function apply({ client }: typeof published, each: Exclude<Step, { kind: 'run' }>): Promise<void> {
  const system = systems[each.system]!
  if (each.kind === 'remove') {
    await client.query(`DELETE FROM evidence WHERE system_id = $1 AND evidence_type = 'iam-policy'`, [system])
  } else if (each.kind === 'renew') {
    await client.query(
      `UPDATE evidence SET key = $2, sha256 = md5(sha256) WHERE system_id = $1 AND evidence_type = 'audit-log'`,
      [system, each.key],
    )
  } else {
    const { rows } = await client.query<{ now: string }>(`SELECT (now() AT TIME ZONE 'UTC')::text AS now`)
    await addForeignResult(client, {
      systemId: system,
      controlId: controls[each.control]!,
      validatedAt: rows[0]!.now,
    })
  }
}

describe('publishing', () => {
  it('of all results or of none makes no difference to what is shown, after any history', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 8 }), async (steps) => {
        for (const each of [...steps, { kind: 'run', incremental: true } as const]) {
          if (each.kind === 'run') {
            const changes = each.incremental ? { incremental: { fullEvery: DAY } } : {}
            const one = await executeRun(runRequest(published.url, changes))
            const other = await executeRun(runRequest(recorded.url, { ...changes, publish: 'none' }))
            expect(await shown(recorded, other)).toEqual(await shown(published, one))
          } else {
            await apply(published, each)
            await apply(recorded, each)
          }
        }
      }),
      { numRuns: 15 },
    )
    const { rows } = await recorded.client.query<{ n: number }>(
      'SELECT count(*)::int AS n FROM validation_results WHERE job_run_id IS NOT NULL',
    )
    expect(rows[0]?.n).toBe(0)
  }, 240_000)

  it('is part of the identity of a run: another attempt must publish the same', async () => {
    const runKey = 'publish'
    const stop = new AbortController()
    const observer = ({ type }: { readonly type: string }): void => {
      if (type === 'planned') stop.abort()
    }
    const request = runRequest(recorded.url, { runKey, publish: 'none', signal: stop.signal, observer })
    await expect(executeRun(request)).rejects.toThrow(/stopped/)
    await expect(executeRun(runRequest(recorded.url, { runKey }))).rejects.toThrow(
      /was started with another results\.publish/,
    )
    expect(await executeRun(runRequest(recorded.url, { runKey, publish: 'none' }))).toMatchObject({
      status: 'success',
    })
  })
})
