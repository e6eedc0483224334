import fc from 'fast-check'
import { setTimeout as sleep } from 'node:timers/promises'
import { beforeEach, describe, expect, it } from 'vitest'
import type { RunSummary } from '../../../crds/run-summary.ts'
import { connect, disconnect } from '../../../job-image/db/session/client.ts'
import { listCatalogIdentities } from '../../../job-image/db/inputs/catalog-identities.ts'
import { listControls } from '../../../job-image/db/inputs/controls.ts'
import { listEvidenceForSystems } from '../../../job-image/db/inputs/evidence.ts'
import { getJobRun } from '../../../job-image/db/runs/job-runs.ts'
import { pruneResults } from '../../../job-image/db/prune/prune.ts'
import { listControlFigures } from '../../../job-image/db/record/control-figures.ts'
import { readResults } from '../../../job-image/db/record/result-reads.ts'
import { loadRuleSet } from '../../../job-image/rules/load.ts'
import type { RuleSet } from '../../../job-image/rules/rule-set.ts'
import { reuseRecord } from '../../../job-image/run/reuse.ts'
import { executeRun } from '../../../job-image/run/job.ts'
import type { RunOptions } from '../../../job-image/run/options.ts'
import { parseTimestamp } from '../../../job-image/time.ts'
import { compilePlan, decideSystem } from '../../../job-image/validation/decide.ts'
import { createDatabase } from '../../support/database.ts'
import { addForeignResult, clearHistory } from '../../support/history.ts'
import { runRequest } from '../../support/request.ts'
import { seedWorld } from '../../support/world.ts'

const { client, url } = await createDatabase()
const CONTROLS = ['AC-1', 'AC-2', 'AC-2(1)', 'AC-3', 'AU-2', 'SC-7', 'ZZ-1']
const SYSTEMS = 5
const TYPES = ['audit-log', 'iam-policy', 'terraform-plan', 'mfa-config']
let systems: number[] = []
const controls: number[] = []

beforeEach(async () => {
  await clearHistory(client)
  await client.query('DELETE FROM evidence; DELETE FROM systems; DELETE FROM control_requirements')
  systems = await seedWorld(client, { systems: SYSTEMS, controls: CONTROLS, evidence: TYPES })
  controls.splice(
    0,
    Infinity,
    ...(await listControls(client, await listCatalogIdentities(client))).map(({ id }) => id),
  )
})

const WEEK = { months: 0, seconds: 7 * 86_400 }

function incremental(changes: Partial<RunOptions> = {}): Promise<RunSummary> {
  return executeRun(runRequest(url, { incremental: { fullEvery: WEEK }, batchSize: 2, ...changes }))
}

const full = (changes: Partial<RunOptions> = {}): Promise<RunSummary> => executeRun(runRequest(url, changes))

type Answers = Record<string, unknown>

/** Every answer of one run, or the latest ones, by system and row of `controls`. */
async function answers(runId?: number): Promise<Answers> {
  const found: Answers = {}
  const reader = await connect({ url })
  for await (const rows of readResults(reader, { environment: 'production', runId })) {
    for (const { system, control, status, message, evidenceKeys, remediation, attributes } of rows) {
      found[`${system} ${control}`] = { status, message, evidenceKeys, remediation, attributes }
    }
  }
  await disconnect(reader)
  return found
}

/** What a run that decides everything would have stored at the run's reference time. */
async function expected(runId: number, ruleSet: RuleSet): Promise<Answers> {
  const run = await getJobRun(client, runId)
  const plan = compilePlan(
    ruleSet,
    (await listControls(client, await listCatalogIdentities(client))).filter(({ active }) => active),
  )
  const { rows } = await client.query<{ id: number; name: string }>('SELECT id, name FROM systems')
  const evidence = await listEvidenceForSystems(
    client,
    rows.map(({ id }) => id),
  )
  const found: Answers = {}
  for (const { id, name } of rows) {
    const decisions = decideSystem(plan, evidence.get(id) ?? [], parseTimestamp(run!.reference_time!))
    plan.controls.forEach(({ controlId }, index) => {
      const { status, message, evidenceKeys, remediation, attributes } = decisions[index]!
      found[`${name} ${controlId.replace(/\((\d+)\)/, '.$1')}`] = {
        status,
        message,
        evidenceKeys,
        remediation,
        attributes,
      }
    })
  }
  return found
}

/** Counts per control as they are shown, and as the published rows have them. */
async function controlCounts(runId: number): Promise<{ shown: unknown[]; counted: unknown[] }> {
  const shown = (await listControlFigures(client, runId))
    .map(({ control_id, pass, fail, insufficient_evidence, unknown }) => ({
      control_id,
      pass,
      fail,
      insufficient_evidence,
      unknown,
    }))
    .toSorted((x, y) => x.control_id - y.control_id)
  const counted = await client.query(
    `SELECT v.control_id, count(*) FILTER (WHERE v.status = 'PASS')::int AS pass,
            count(*) FILTER (WHERE v.status = 'FAIL')::int AS fail,
            count(*) FILTER (WHERE v.status = 'INSUFFICIENT_EVIDENCE')::int AS insufficient_evidence,
            count(*) FILTER (WHERE v.status = 'UNKNOWN')::int AS unknown
       FROM run_systems s
       JOIN validation_results v ON v.job_run_id = s.results_run_id AND v.system_id = s.system_id
      WHERE s.job_run_id = $1 AND s.state = 'done' GROUP BY v.control_id ORDER BY v.control_id`,
    [runId],
  )
  return { shown, counted: counted.rows }
}

/** The run answers as a full one would, in its rows, in what is the latest, in its counts and per control. */
async function expectAsFull(summary: RunSummary, ruleSet: RuleSet = loadRuleSet()): Promise<void> {
  const runId = summary.runId!
  const wanted = await expected(runId, ruleSet)
  expect(await answers(runId)).toEqual(wanted)
  expect(await answers()).toEqual(wanted)
  const statuses = Object.values(wanted).map((each) => (each as { status: string }).status)
  const count = (status: string): number => statuses.filter((each) => each === status).length
  expect(summary.counts).toMatchObject({
    results: statuses.length,
    pass: count('pass'),
    insufficientEvidence: count('insufficient_evidence'),
    unknown: count('unknown'),
  })
  const { shown, counted } = await controlCounts(runId)
  expect(shown).toEqual(counted)
}

/** Where the rows of a run's systems are, by system id. */
async function origins(runId: number): Promise<Record<number, number>> {
  const { rows } = await client.query<{ system_id: number; results_run_id: number }>(
    'SELECT system_id, results_run_id FROM run_systems WHERE job_run_id = $1',
    [runId],
  )
  return Object.fromEntries(rows.map((row) => [row.system_id, row.results_run_id]))
}

const nowText = (): string => new Date().toISOString().replace('Z', '')

const at = (index: number): number => systems[index % systems.length]!

async function addEvidence(system: number, type: string, expires: string | null, collected = '-1 day') {
  await client.query(
    `INSERT INTO evidence (system_id, evidence_type, key, sha256, collected_at, expires_at, attributes)
     SELECT id, $2::text, $2::text || '/' || gen_random_uuid(), md5(random()::text) || md5(random()::text),
            now() AT TIME ZONE 'UTC' + $4::interval, now() AT TIME ZONE 'UTC' + $3::interval, '{}'
       FROM systems WHERE id = $1`,
    [system, type, expires, collected],
  )
}

describe('an incremental run', () => {
  it('decides everything the first time, nothing when nothing has changed, and says so', async () => {
    const first = await incremental()
    expect(first).toMatchObject({ carried: 0, verdict: 'Findings' })
    const second = await incremental()
    expect(second).toMatchObject({ carried: SYSTEMS, verdict: 'Findings', counts: first.counts })
    await expectAsFull(second)
    const third = await incremental()
    // Always the run that made the rows, never a chain.
    expect(new Set(Object.values(await origins(third.runId!)))).toEqual(new Set([first.runId]))
    const { rows } = await client.query('SELECT DISTINCT job_run_id FROM validation_results')
    expect(rows).toEqual([{ job_run_id: first.runId }])
    const { attributes } = (await getJobRun(client, third.runId!))!
    expect(reuseRecord({ attributes })).toEqual({
      carried: SYSTEMS,
      previous_run: second.runId,
      full_because: null,
    })
  })

  it('says when a decision was made, and when it was last confirmed', async () => {
    await full()
    const second = await incremental()
    const times = async (runId?: number): Promise<[string, string][]> => {
      const reader = await connect({ url })
      const found: [string, string][] = []
      for await (const rows of readResults(reader, { runId })) {
        for (const { validatedAt, confirmedAt } of rows) found.push([validatedAt, confirmedAt])
      }
      await disconnect(reader)
      return found
    }
    const { reference_time: reference } = (await getJobRun(client, second.runId!))!
    const latest = await times()
    expect(await times(second.runId!)).toEqual(latest)
    expect(latest).toHaveLength(SYSTEMS * CONTROLS.length)
    for (const [made, confirmed] of latest) {
      expect(made < reference!).toBe(true)
      expect(confirmed >= reference!).toBe(true)
    }
  })

  it('takes over what full runs have decided, and decides what has changed', async () => {
    const first = await full()
    expect(first.carried).toBeUndefined()
    await addEvidence(at(1), 'backup-config', null)
    await client.query('DELETE FROM evidence WHERE system_id = $1', [at(2)])
    const second = await incremental()
    expect(second.carried).toBe(SYSTEMS - 2)
    expect(await origins(second.runId!)).toMatchObject({
      [at(0)]: first.runId,
      [at(1)]: second.runId,
      [at(2)]: second.runId,
    })
    await expectAsFull(second)
  })

  it('a requirement, a rule or a catalog that changes concerns every system', async () => {
    await full()
    await client.query(
      `INSERT INTO control_requirements (control_id, required_any, required_all) VALUES ($1, '[]', '["own-type"]')`,
      [controls[4]],
    )
    const second = await incremental()
    expect(second.carried).toBe(0)
    await expectAsFull(second)
  })

  it('evidence that expires between two runs is seen although no row has changed', async () => {
    await client.query(`DELETE FROM evidence WHERE system_id = $1 AND evidence_type = 'audit-log'`, [at(0)])
    await addEvidence(at(0), 'audit-log', '4 s')
    const first = await incremental()
    expect(await incremental()).toMatchObject({ carried: SYSTEMS })
    await sleep(4_100)
    const third = await incremental()
    expect(third.carried).toBe(SYSTEMS - 1)
    await expectAsFull(third)
    expect(third.counts.pass).toBeLessThan(first.counts.pass)
  })

  it('evidence from the future changes its words when its time has come', async () => {
    await addEvidence(at(3), 'audit-log', null, '3 s')
    await incremental()
    await sleep(3_100)
    const second = await incremental()
    expect(second.carried).toBe(SYSTEMS - 1)
    await expectAsFull(second)
  })

  it('rows that another program has written since make its system be decided anew', async () => {
    await full()
    await addForeignResult(client, {
      systemId: at(1),
      controlId: controls[0]!,
      validatedAt: nowText(),
    })
    const second = await incremental()
    expect(second.carried).toBe(SYSTEMS - 1)
    await expectAsFull(second)
    expect(await incremental()).toMatchObject({ carried: SYSTEMS })
  })

  it('a base run that is deleted, or whose rows are, is no base', async () => {
    const first = await full()
    await client.query('DELETE FROM validation_results WHERE job_run_id = $1 AND system_id = $2', [
      first.runId,
      at(4),
    ])
    const second = await incremental()
    expect(second.carried).toBe(SYSTEMS - 1)
    await expectAsFull(second)
    await client.query('DELETE FROM job_runs WHERE id = $1', [first.runId])
    const third = await incremental()
    // The second run evaluated that system, but its decisions were those of the first and stored there.
    expect(third.carried).toBe(0)
    await expectAsFull(third)
  })

  it('a run of other controls in between is not taken for the same', async () => {
    await full()
    await full({ selection: { controls: { families: ['AC'] } } })
    const third = await incremental()
    expect(third.carried).toBe(0)
    await expectAsFull(third)
  })

  it('is a full one again once decisions are old enough', async () => {
    const first = await full()
    await client.query(
      `UPDATE run_records SET decided_at = decided_at - interval '8 days' WHERE system_id = $1`,
      [at(0)],
    )
    const second = await incremental()
    expect(second.carried).toBe(0)
    const { attributes } = (await getJobRun(client, second.runId!))!
    expect(reuseRecord({ attributes })?.full_because).toMatch(/decisions are 7d old or older/)
    expect(new Set(Object.values(await origins(second.runId!)))).toEqual(new Set([second.runId]))
    expect(first.counts).toEqual(second.counts)
  })

  it.each([
    [27, 1],
    [32, 0],
  ])('takes decisions of %i days as younger or older than a month of the calendar', async (days, carried) => {
    await full()
    await client.query(`UPDATE run_records SET decided_at = decided_at - make_interval(days => $1)`, [days])
    const second = await incremental({ incremental: { fullEvery: { months: 1, seconds: 0 } } })
    expect(Math.sign(second.carried ?? 0)).toBe(carried)
  })

  it('two at once, of two schedules, both answer as a full run', async () => {
    await full()
    await addEvidence(at(0), 'sbom', null)
    const both = await Promise.all(
      [1, 2].map((n) => incremental({ schedule: { uid: `s${n}`, name: `s${n}` } })),
    )
    for (const { runId } of both) expect(await answers(runId!)).toEqual(await expected(runId!, loadRuleSet()))
  })

  it('a system whose evidence cannot be compared makes the run a full one, in which it is an error', async () => {
    await full()
    await client.query(`
      ALTER TABLE evidence RENAME TO evidence_rows;
      CREATE VIEW evidence AS SELECT id, system_id, evidence_type, sha256, collected_at, expires_at,
             key || (1 / (system_id - ${at(2)})) AS key FROM evidence_rows`)
    try {
      const warnings: string[] = []
      const second = await incremental({
        observer: (event) => void (event.type === 'warning' && warnings.push(event.message)),
      })
      expect(second).toMatchObject({ carried: 0, verdict: 'Incomplete', counts: { errors: 1 } })
      expect(warnings.join()).toMatch(/all systems are evaluated: .*division by zero/)
    } finally {
      await client.query('DROP VIEW evidence; ALTER TABLE evidence_rows RENAME TO evidence')
    }
  })

  it('prune keeps what is pointed to', async () => {
    const first = await full()
    const second = await incremental()
    await client.query(`UPDATE job_runs SET finished_at = finished_at - interval '400 days' WHERE id = $1`, [
      first.runId,
    ])
    await pruneResults(client, { olderThan: '100 days' })
    await expectAsFull(second)
    expect(await incremental()).toMatchObject({ carried: SYSTEMS })
  })
})

type Change = { readonly name: string; readonly apply: (seed: number) => Promise<unknown> }

const changes: readonly Change[] = [
  { name: 'new evidence', apply: (n) => addEvidence(at(n), TYPES[n % TYPES.length]!, null) },
  { name: 'evidence that expires soon', apply: (n) => addEvidence(at(n), TYPES[n % TYPES.length]!, '40 ms') },
  { name: 'evidence of a moment later', apply: (n) => addEvidence(at(n), 'audit-log', null, '40 ms') },
  { name: 'time', apply: () => sleep(60) },
  {
    name: 'evidence gone',
    apply: (n) =>
      client.query(
        'DELETE FROM evidence WHERE id = (SELECT id FROM evidence WHERE system_id = $1 ORDER BY id LIMIT 1)',
        [at(n)],
      ),
  },
  {
    name: 'another file behind the same key',
    apply: (n) =>
      client.query('UPDATE evidence SET sha256 = md5(random()::text) WHERE system_id = $1', [at(n)]),
  },
  {
    name: 'a row of another program',
    apply: (n) =>
      addForeignResult(client, {
        systemId: at(n),
        controlId: controls[n % controls.length]!,
        validatedAt: nowText(),
      }),
  },
  {
    name: 'a requirement',
    apply: (n) =>
      client.query(
        `INSERT INTO control_requirements (control_id, required_any, required_all) VALUES ($1, '["sbom"]', $2)`,
        [controls[n % controls.length], JSON.stringify([TYPES[n % TYPES.length]])],
      ),
  },
  { name: 'a full run', apply: () => full() },
  { name: 'a run of some controls', apply: () => full({ selection: { controls: { families: ['AC'] } } }) },
  {
    name: 'a run of some systems',
    apply: () => full({ selection: { systems: { include: ['*-1', '*-2'] } } }),
  },
  {
    name: 'the newest run deleted',
    apply: () => client.query('DELETE FROM job_runs WHERE id = (SELECT max(id) FROM job_runs)'),
  },
  {
    name: 'the rows of a system deleted',
    apply: (n) => client.query('DELETE FROM validation_results WHERE system_id = $1', [at(n)]),
  },
  {
    name: 'a new system',
    apply: async () => void systems.push(...(await seedSystem())),
  },
]

async function seedSystem(): Promise<number[]> {
  const { rows } = await client.query<{ id: number }>(
    `INSERT INTO systems (name, environment, created_at, attributes)
     VALUES ('late-' || gen_random_uuid(), 'production', '2026-01-01', '{}') RETURNING id`,
  )
  return rows.map(({ id }) => id)
}

it('after any history of changes, an incremental run answers as a full one', async () => {
  const history = fc.array(
    fc.record({ change: fc.constantFrom(...changes), seed: fc.nat(1000) }).map(({ change, seed }) => ({
      seed,
      apply: change.apply,
      toString: () => `${change.name} (${seed})`,
    })),
    { minLength: 2, maxLength: 8 },
  )
  await fc.assert(
    fc
      .asyncProperty(history, fc.array(fc.boolean(), { minLength: 8, maxLength: 8 }), async (steps, runs) => {
        for (const [index, step] of steps.entries()) {
          await step.apply(step.seed)
          if (runs[index] === true) await expectAsFull(await incremental())
        }
        await expectAsFull(await incremental())
      })
      .beforeEach(async () => {
        await clearHistory(client)
        await client.query('DELETE FROM evidence; DELETE FROM systems; DELETE FROM control_requirements')
        systems = await seedWorld(client, { systems: SYSTEMS, controls: CONTROLS, evidence: TYPES })
      }),
    { numRuns: 15 },
  )
}, 180_000)
