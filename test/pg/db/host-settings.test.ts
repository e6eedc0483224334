import { defaults, types } from 'pg'
import { describe, expect, it } from 'vitest'
import {
  InputError,
  addValidationResult,
  addValidationResults,
  connect,
  disconnect,
  getRecentJobRuns,
  listControls,
  listEvidenceForSystem,
  listSystemsByEnvironment,
  runValidationJob,
} from '../../../job-image/index.ts'
import type { NewResult } from '../../../job-image/index.ts'
import { createDatabase } from '../../support/database.ts'
import type { TestDatabase } from '../../support/database.ts'
import { createFolder, runArgv } from '../../support/run-command.ts'
import { seedWorld } from '../../support/world.ts'

/** Two databases with the same content and the same ids. */
const [untouched, hosted] = await Promise.all([seeded(), seeded()])

async function seeded(): Promise<TestDatabase> {
  const database = await createDatabase()
  const { client } = database
  await seedWorld(client, { systems: 3, controls: ['AC-2', 'AC-3', 'AU-2', 'ZZ-1'] })
  await client.query(
    `INSERT INTO control_requirements (control_id, required_all, required_any)
     SELECT id, '["audit-log"]', '[]' FROM controls WHERE control_id = 'ZZ-1'`,
  )
  return database
}

const folder = createFolder()
folder.write('config.yaml', 'environments: { production: {} }\n')

/** All that the library and the command line answer, without what differs from run to run. */
async function answers(url: string, incremental: boolean) {
  const target = { config: `${folder.path}/config.yaml`, databaseUrl: url, env: {}, incremental }
  const { status, metrics, summary } = await runValidationJob(target)
  const client = await connect({ url })
  try {
    const [system] = await listSystemsByEnvironment(client, 'production')
    const [run] = await getRecentJobRuns(client, { limit: 1 })
    const outputs = await Promise.all(
      [
        ['results', '--run', String(run!.id), '--json'],
        ['runs', 'systems', String(run!.id), '--json'],
        ['runs', 'show', String(run!.id)],
        ['db', 'status', '--json'],
        ['catalog', 'list', '--json'],
        ['db', 'prune', '--older-than', '1y', '--dry-run'],
      ].map((argv) => runArgv(argv, { cwd: folder.path, env: { DATABASE_URL: url } })),
    )
    return {
      status,
      metrics,
      summary: { verdict: summary.verdict, carried: summary.carried, counts: summary.counts },
      system,
      run: { metrics: run!.metrics, digests: run!.attributes['digests'] },
      controls: await listControls(client),
      evidence: await listEvidenceForSystem(client, system!.id),
      outputs: outputs.map(({ code, out, err }) => ({
        code,
        // Times, and what is different for every run.
        out: out.replaceAll(/\d\d:\d\d:\d\d(\.\d+)?|^Run key .*|^│.*│$/gm, ''),
        err,
      })),
    }
  } finally {
    await disconnect(client)
  }
}

/** Changes pg's global settings, as a host program may do. Returns a function that restores them. */
function changeSettings(enumOid: number): () => void {
  const oids = [
    ...Object.values(types.builtins),
    1000,
    1003,
    1005,
    1007,
    1009,
    1015,
    1016,
    enumOid,
  ] as never[]
  const before = oids.map((oid) => [oid, types.getTypeParser(oid)] as const)
  const { binary, query_timeout } = defaults
  for (const oid of oids) types.setTypeParser(oid, (text: string) => Symbol(text))
  // What hosts really do.
  types.setTypeParser(types.builtins.JSON, (text) => text)
  types.setTypeParser(types.builtins.INT4, BigInt)
  types.setTypeParser(types.builtins.INT8, BigInt)
  types.setTypeParser(types.builtins.TIMESTAMP, (text) => new Date(text))
  Object.assign(defaults, { binary: true, query_timeout: 1 })
  return () => {
    for (const [oid, parser] of before) types.setTypeParser(oid, parser)
    Object.assign(defaults, { binary, query_timeout })
  }
}

it('settings that a host program makes for all of pg change no answer', async () => {
  const full = await answers(untouched.url, false)
  const incremental = await answers(untouched.url, true)
  expect(full).toMatchObject({ status: 'success', metrics: { controls: 4, results_saved: 12, errors: 0 } })
  expect(incremental.summary.carried).toBe(3)
  const { rows } = await hosted.client.query<{ oid: number }>(
    `SELECT atttypid AS oid FROM pg_attribute WHERE attrelid = 'validation_results'::regclass AND attname = 'status'`,
  )
  const restore = changeSettings(rows[0]!.oid)
  try {
    expect(await answers(hosted.url, false)).toEqual(full)
    expect(await answers(hosted.url, true)).toEqual(incremental)
  } finally {
    restore()
  }
})

describe('addValidationResults', () => {
  const good: NewResult = {
    systemId: 1,
    controlId: 1,
    jobRunId: null,
    validatedAt: '2026-01-01T02:00:00+02:00',
    decision: {
      status: 'pass',
      message: 'a\tb\nc\\.',
      evidenceKeys: ['\\N'],
      remediation: null,
      attributes: {},
    },
  }
  const stored = async (): Promise<unknown[]> => {
    const { rows } = await untouched.client.query(
      `SELECT system_id, status, message, evidence_keys, remediation, validated_at
         FROM validation_results WHERE job_run_id IS NULL`,
    )
    return rows
  }

  it.each([
    ['a system id', { systemId: '2\t1\tPASS\tforged\t[]\t\\N\t2030-01-01\t{}\t\\N\n1' }],
    ['a time', { validatedAt: '2026-01-01\t{}\t\\N\n2\t1\tPASS\tforged\t[]\t\\N\t2030-01-01' }],
    [
      'a status',
      { decision: { ...good.decision, status: 'pass\tforged\t[]\t\\N\t2030-01-01\t{}\t\\N\n2\t1\tpass' } },
    ],
  ])('forges no row by %s, and stores none of the others', async (_, changes) => {
    const forged = { ...good, ...changes } as unknown as NewResult
    await expect(addValidationResults(untouched.client, [good, forged])).rejects.toThrow(InputError)
    expect(await stored()).toEqual([])
  })

  it('stores what it is given, with the time in UTC', async () => {
    await addValidationResult(untouched.client, good)
    expect(await stored()).toEqual([
      {
        system_id: 1,
        status: 'PASS',
        message: 'a\tb\nc\\.',
        evidence_keys: ['\\N'],
        remediation: null,
        validated_at: '2026-01-01 00:00:00',
      },
    ])
  })
})

it.each([
  [{ concurrency: 0 }, /concurrency: expected a whole number from 1 to 64, found 0/],
  [{ concurrency: NaN }, /concurrency/],
  [{ schedule: { uid: 'u', name: 'n', slotAt: 'tomorrow' } }, /schedule.slotAt: not a timestamp: "tomorrow"/],
])('a run is refused with %j', async (options, message) => {
  const target = { config: `${folder.path}/config.yaml`, databaseUrl: untouched.url, env: {} }
  await expect(runValidationJob({ ...target, ...options })).rejects.toThrow(message)
})
