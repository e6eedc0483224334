import fc from 'fast-check'
import { beforeEach, describe, expect, it } from 'vitest'
import type { RunSummary } from '../../../crds/run-summary.ts'
import type { Selection } from '../../../crds/selection.ts'
import { listCatalogIdentities } from '../../../job-image/db/inputs/catalog-identities.ts'
import { listControls } from '../../../job-image/db/inputs/controls.ts'
import { getJobRun } from '../../../job-image/db/runs/job-runs.ts'
import { readResults } from '../../../job-image/db/record/result-reads.ts'
import { executeRun } from '../../../job-image/run/job.ts'
import type { RunEvent, RunOptions } from '../../../job-image/run/options.ts'
import { isNist80053 } from '../../../job-image/rules/framework.ts'
import { chooseControls } from '../../../job-image/selection/controls.ts'
import { normalizeSelection } from '../../../job-image/selection/normalize.ts'
import { chooseSystems } from '../../../job-image/selection/systems.ts'
import { createDatabase } from '../../support/database.ts'
import { clearHistory } from '../../support/history.ts'
import { runRequest } from '../../support/request.ts'
import { seedWorld } from '../../support/world.ts'

const { client, url } = await createDatabase()
// AC-3 needs AC-2, by a blocking prerequisite of the built-in pack. The audit logs of systems 3 and 6 have expired; 6
// has something else in its place, which only the requirements of AC-2 in the database know.
const CONTROLS = ['AC-1', 'AC-2', 'AC-2(1)', 'AC-3', 'AU-2', 'AU-6', 'SC-7', 'ZZ-1']
await seedWorld(client, { systems: 6, controls: CONTROLS })
await client.query(`
  UPDATE systems SET attributes = json_build_object('tier', id % 2, 'zones', json_build_array('eu', 'z' || id));
  INSERT INTO baselines (name, title, framework, loaded_at) VALUES ('nist-800-53-rev5-moderate', 'M', 'nist', now());
  INSERT INTO baseline_controls SELECT id, unnest(ARRAY['ac-2', 'ac-3', 'au-2']) FROM baselines;
  INSERT INTO control_requirements (control_id, required_any, required_all)
  SELECT id, '["own-type", "audit-log"]', '["terraform-plan"]' FROM controls WHERE control_id = 'AC-2';
  INSERT INTO evidence (system_id, evidence_type, key, sha256, collected_at, attributes)
  SELECT id, 'own-type', 'own.json', repeat('0', 64), '2026-01-01', '{}' FROM systems WHERE id = 6`)

beforeEach(() => clearHistory(client))

function select(selection: Selection, changes: Partial<RunOptions> = {}): Promise<RunSummary> {
  const normal = normalizeSelection(selection)
  return executeRun(runRequest(url, { ...(normal && { selection: normal }), ...changes }))
}

type Row = { readonly pair: string; readonly answer: string }

/** What a run has stored, by system and control; without what differs between any two runs. */
async function answers(runId: number | null): Promise<Row[]> {
  const { rows } = await client.query<Row>(
    `SELECT s.name || ' ' || c.control_id AS pair,
            json_build_array(v.status, v.message, v.evidence_keys, v.remediation, v.attributes)::text AS answer
       FROM validation_results v JOIN systems s ON s.id = v.system_id JOIN controls c ON c.id = v.control_id
      WHERE v.job_run_id = $1 ORDER BY s.id, c.id`,
    [runId],
  )
  return rows
}

const pairs = async (runId: number | null): Promise<string[]> =>
  (await answers(runId)).map(({ pair }) => pair)

const patterns = fc.subarray(['*', '*-1', '*-system-?', 'production-system-2', 'nobody', '*[1]', '%'], {
  maxLength: 3,
})
const ids = fc.subarray(['AC-3', 'ac-02', 'AC-*', 'ac-2(*)', 'A*-2', 'ZZ-1', 'XX-9', '_C-1'], {
  maxLength: 3,
})
const expression = fc.oneof(
  fc.record({
    key: fc.constantFrom('tier', 'zones', 'none'),
    operator: fc.constantFrom('In' as const, 'NotIn' as const),
    values: fc.subarray(['0', '1', 'eu', 'z3'], { minLength: 1 }),
  }),
  fc.record({
    key: fc.constantFrom('tier', 'none'),
    operator: fc.constantFrom('Exists' as const, 'DoesNotExist' as const),
  }),
)
const selections: fc.Arbitrary<Selection> = fc.record({
  systems: fc.record(
    {
      include: patterns,
      exclude: patterns,
      matchLabels: fc.constantFrom({}, { tier: '1' }, { zones: 'eu' }),
      matchExpressions: fc.array(expression, { maxLength: 2 }),
    },
    { requiredKeys: [] },
  ),
  controls: fc.record(
    {
      include: ids,
      exclude: ids,
      families: fc.subarray(['AU', 'SC', 'XX']),
      baseline: fc.constant('moderate'),
    },
    { requiredKeys: [] },
  ),
  allowEmpty: fc.constant(true),
})

describe('a run with a selection', () => {
  it('stores the rows of the selected pairs, and they are those of a full run', async () => {
    const full = await select({})
    const all = await answers(full.runId)
    const { rows: systems } = await client.query<{ id: number; name: string; attributes: string }>(
      'SELECT id, name, attributes::text AS attributes FROM systems ORDER BY id',
    )
    const catalogs = await listCatalogIdentities(client)
    const controls = await listControls(client, catalogs)
    const members = new Set(controls.filter(({ controlId }) => ['AC-2', 'AC-3', 'AU-2'].includes(controlId)))
    await fc.assert(
      fc.asyncProperty(selections, async (selection) => {
        const normal = normalizeSelection(selection) ?? {}
        const chosen = new Set(
          chooseSystems(systems, normal.systems ?? {}).chosen.flatMap(({ name }) =>
            chooseControls(controls, normal.controls ?? {}, {
              members: normal.controls?.baseline === undefined ? undefined : members,
              hasRules: isNist80053,
            }).chosen.map(({ controlId }) => `${name} ${controlId}`),
          ),
        )
        const { runId, counts, status } = await select(selection)
        const stored = await answers(runId)
        expect(stored).toEqual(all.filter(({ pair }) => chosen.has(pair)))
        expect({ status, results: counts.results }).toEqual({ status: 'success', results: stored.length })
      }),
      { numRuns: 40 },
    )
  }, 120_000)

  it('says in its row and its summary what the scope was', async () => {
    const selection = { systems: { include: ['*-3'] }, controls: { include: ['AC-3'] } }
    const { runId, scope, counts, verdict } = await select(selection)
    expect(scope).toEqual({
      digest: expect.stringMatching(/^[0-9a-f]{64}$/),
      text: 'systems *-3; controls AC-3',
    })
    expect({ verdict, counts }).toMatchObject({
      verdict: 'Findings',
      counts: { systems: 1, controls: 1, results: 1 },
    })
    expect((await getJobRun(client, runId!))?.attributes).toMatchObject({
      scope: { ...scope, selection },
      digests: { scope: scope?.digest },
    })
    expect((await answers(runId))[0]!.answer).toContain('"blocked_by":["AC-2"]')
    expect(await select({})).not.toHaveProperty('scope')
  })

  it('notes the very controls that it decides, and nothing where they are all', async () => {
    const scopeOf = async ({ runId }: RunSummary): Promise<string | null> => {
      const { rows } = await client.query<{ control_scope: string | null }>(
        'SELECT control_scope FROM job_runs WHERE id = $1',
        [runId],
      )
      return rows[0]!.control_scope
    }
    expect(await scopeOf(await select({}))).toBeNull()
    expect(await scopeOf(await select({ systems: { include: ['*-1'] } }))).toBeNull()
    expect(await scopeOf(await select({ controls: { include: ['*'] } }))).toBeNull()
    const family = await scopeOf(await select({ controls: { families: ['AU'] } }))
    expect(family).toMatch(/^[0-9a-f]{64}$/)
    expect(await scopeOf(await select({ controls: { include: ['AU-2', 'AU-6'] } }))).toBe(family)
    expect(await scopeOf(await select({ controls: { include: ['AU-2'] } }))).not.toBe(family)
  })

  it('tells of names and patterns that are not there, while others are', async () => {
    const events: RunEvent[] = []
    await select(
      { systems: { include: ['*-1', 'web-*'] }, controls: { include: ['AC-1', 'AC-99'], families: ['QQ'] } },
      { observer: (event) => void events.push(event) },
    )
    expect(events.flatMap((event) => (event.type === 'warning' ? [event.message] : []))).toEqual([
      'selection.controls: not found: AC-99, family QQ',
      'selection.systems: not found: web-*',
    ])
  })
})

it('leaves the latest results of what it does not decide to the run before it', async () => {
  const full = await select({})
  const part = await select({ systems: { include: ['*-2'] }, controls: { families: ['AU'] } })
  const latest: string[] = []
  for await (const page of readResults(client, {})) {
    latest.push(
      ...page
        .filter(({ runId }) => runId === part.runId)
        .map(({ system, control }) => `${system} ${control}`),
    )
    expect(page.filter(({ runId }) => runId === full.runId)).toHaveLength(6 * 8 - 2)
  }
  expect(latest).toEqual(['production-system-2 AU-2', 'production-system-2 AU-6'])
})

describe('a selection of nothing', () => {
  const nothing: [Selection, RegExp][] = [
    [
      { systems: { include: ['web-*'], exclude: ['*-1'] } },
      /selection.systems matches none of the 6 systems of environment "production" \(each condition alone: include 0, exclude 1\)/,
    ],
    [
      { controls: { include: ['ZZ-1'], baseline: 'moderate' } },
      /selection.controls matches none of the 8 active/,
    ],
    [
      { controls: { baseline: 'modrate' } },
      /there is no baseline "modrate" here; known here: nist-800-53-rev5-moderate/,
    ],
  ]
  it.each(nothing)('%j is an error of the input, and of the run', async (selection, message) => {
    await expect(select(selection, { runKey: 'nothing' })).rejects.toThrow(message)
    const { rows } = await client.query<object>('SELECT status, verdict, error FROM job_runs')
    expect(rows).toEqual([
      { status: 'failed', verdict: 'Errored', error: expect.stringMatching(message) as string },
    ])
  })

  it('may be allowed: Incomplete, with a message that says so', async () => {
    const summary = await select({ systems: { include: ['web-*'] }, allowEmpty: true })
    expect(summary).toMatchObject({ status: 'success', verdict: 'Incomplete', reason: 'NoSystems' })
    expect(summary.message).toBe(
      'the selection matches no system, which allowEmpty permits: nothing was validated',
    )
    const other = await select({ controls: { include: ['XX-1'] }, allowEmpty: true })
    expect(other).toMatchObject({ verdict: 'Incomplete', reason: 'NoControls', counts: { results: 0 } })
    expect(other.message).toContain('matches no active control')
    // The name of a baseline is no pattern.
    await expect(select({ controls: { baseline: 'none' }, allowEmpty: true })).rejects.toThrow('no baseline')
  })
})

describe('attempts at one run have one scope', () => {
  const one = { systems: { include: ['*-1'] } }

  it.each<[string, Selection, Selection]>([
    ['another', one, { systems: { include: ['*-2'] } }],
    ['one where there was none', {}, one],
    ['none where there was one', one, {}],
  ])('%s is refused', async (_, first, second) => {
    const stop = new AbortController()
    const begun = select(first, {
      runKey: 'shared',
      signal: stop.signal,
      observer: ({ type }) => void (type === 'opened' && stop.abort()),
    })
    await expect(begun).rejects.toThrow('stopped')
    await expect(select(second, { runKey: 'shared' })).rejects.toThrow(
      'was started with another selection of systems or controls',
    )
    expect(await select(first, { runKey: 'shared' })).toMatchObject({ status: 'success' })
  })

  it('refuses to go on when the baseline means other controls by now', async () => {
    const selection = { controls: { baseline: 'moderate' } }
    const stop = new AbortController()
    const begun = select(selection, {
      runKey: 'moved',
      batchSize: 1,
      concurrency: 1,
      signal: stop.signal,
      observer: ({ type }) => void (type === 'planned' && stop.abort()),
    })
    await expect(begun).rejects.toThrow('stopped')
    await client.query(`DELETE FROM baseline_controls WHERE control_id = 'au-2'`)
    try {
      await expect(select(selection, { runKey: 'moved' })).rejects.toThrow(
        'a baseline or requirements changed',
      )
    } finally {
      await client.query(`INSERT INTO baseline_controls SELECT id, 'au-2' FROM baselines`)
    }
  })

  it('shares the work of one scope among workers', async () => {
    const all = await Promise.all(
      [1, 2, 3].map(() => select({ controls: { families: ['AC'] } }, { runKey: 'many', batchSize: 1 })),
    )
    expect(new Set(all.map(({ runId }) => runId)).size).toBe(1)
    expect(await pairs(all[0]!.runId)).toHaveLength(6 * 4)
  })
})
