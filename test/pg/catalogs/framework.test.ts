import { beforeEach, describe, expect, test } from 'vitest'
import { createDatabase } from '../../support/database.ts'
import { createFolder, runArgv } from '../../support/run-command.ts'
import type { Ran } from '../../support/run-command.ts'

/*
 * A control is (catalog, id): rules, baselines and selections never reach a namesake of another framework. Each case
 * goes through the command line, from the files to the results.
 */

const { client, url } = await createDatabase()
const folder = createFolder()

type Titles = Readonly<Record<string, string>>

function writeCatalog(file: string, title: string, controls: Titles, metadata: object = {}): void {
  const catalog = {
    metadata: { title, version: '1.0', 'oscal-version': '1.1.3', ...metadata },
    groups: [
      { id: 'g', title: 'G', controls: Object.entries(controls).map(([id, name]) => ({ id, title: name })) },
    ],
  }
  folder.write(file, JSON.stringify({ catalog }))
}

function writeProfile(file: string, title: string, href: string, ids: readonly string[]): void {
  const imports = [{ href, 'include-controls': [{ 'with-ids': ids }] }]
  const profile = { metadata: { title, version: '1.0', 'oscal-version': '1.1.3' }, imports }
  folder.write(file, JSON.stringify({ profile }))
}

folder.write('config.yaml', 'environments: { production: }\n')
folder.write(
  'inventory.yaml',
  `environment: production
systems:
  - name: demo
    evidence:
${['audit-log', 'terraform-plan', 'iam-config', 'iam-policy']
  .map(
    (type, at) =>
      `      - { type: ${type}, key: ${type}.json, sha256: '${String(at).repeat(64)}', collected_at: 2026-01-01T00:00:00Z }\n`,
  )
  .join('')}`,
)
writeCatalog('namesakes.json', 'Protecting controlled information in nonfederal systems (not SP 800-53)', {
  'ac-02': 'Access Enforcement',
  'ac-03': 'Information Flow Enforcement',
})

const run = (...argv: string[]): Promise<Ran> =>
  runArgv(argv, { cwd: folder.path, env: { DATABASE_URL: url } })

async function must(...argv: string[]): Promise<Ran> {
  const ran = await run(...argv)
  if (ran.code !== 0) throw new Error(`${argv.join(' ')}: exit ${ran.code}: ${ran.err}`)
  return ran
}

type Summary = {
  readonly run_id: number
  readonly verdict: string
  readonly counts: Readonly<Record<string, number>>
  readonly scope?: { readonly digest: string }
}

async function once(...argv: string[]): Promise<Summary> {
  return JSON.parse((await must('scheduler', 'once', '--json', ...argv)).out) as Summary
}

/** Control, status and catalog of what a run decided. */
async function results(runId: number): Promise<string[]> {
  const { rows } = await client.query<{ line: string }>(
    `SELECT c.control_id || ' ' || v.status || ' ' || k.name AS line
       FROM validation_results v JOIN controls c ON c.id = v.control_id JOIN catalogs k ON k.id = c.catalog_id
      WHERE v.job_run_id = $1 ORDER BY k.name, c.id`,
    [runId],
  )
  return rows.map(({ line }) => line)
}

beforeEach(async () => {
  await client.query('TRUNCATE controls, catalogs, baselines, systems, job_runs RESTART IDENTITY CASCADE')
  await must('inventory', 'apply', 'inventory.yaml')
})

describe('rules', () => {
  test('of NIST SP 800-53 pass no control of another framework', async () => {
    await must('catalog', 'import', 'namesakes.json')
    const { out: printed, err } = await must('scheduler', 'once', '--json')
    const { run_id: runId, verdict, counts } = JSON.parse(printed) as Summary
    expect(await results(runId)).toEqual(['AC-02 UNKNOWN namesakes', 'AC-03 UNKNOWN namesakes'])
    expect(err).toContain(
      '2 controls of the catalog "namesakes" are unknown: there is no rule pack for its framework',
    )
    expect({ verdict, counts }).toMatchObject({ verdict: 'Findings', counts: { pass: 0, unknown: 2 } })
    const { out } = await must('results', '--json')
    expect(JSON.parse(out)).toMatchObject([
      {
        control: 'AC-02',
        message:
          'There is no rule pack for the framework of this control, protecting-controlled-information-in-nonfederal-systems-not-sp-800-53',
      },
      { control: 'AC-03' },
    ])
  })

  test('apply once a person says that the framework is NIST SP 800-53: at the import, or in the configuration', async () => {
    await must('catalog', 'import', 'namesakes.json', '--framework', 'nist-800-53-rev5')
    expect(await results((await once()).run_id)).toEqual(['AC-2 PASS namesakes', 'AC-3 PASS namesakes'])

    await must('catalog', 'import', 'namesakes.json')
    folder.write(
      'named.yaml',
      'environments: { production: }\ncatalogs: { namesakes: { framework: NIST SP 800-53 } }\n',
    )
    // The row says another framework by now; its controls are read as those of the configured one.
    expect(await results((await once('--config', 'named.yaml')).run_id)).toEqual([
      'AC-02 PASS namesakes',
      'AC-03 PASS namesakes',
    ])
    expect(await results((await once()).run_id)).toEqual([
      'AC-02 UNKNOWN namesakes',
      'AC-03 UNKNOWN namesakes',
    ])
    await must('catalog', 'import', 'namesakes.json', '--config', 'named.yaml')
    expect(await results((await once()).run_id)).toEqual(['AC-2 PASS namesakes', 'AC-3 PASS namesakes'])
    await must('catalog', 'import', 'namesakes.json')
    const list = async (config: string): Promise<unknown> =>
      JSON.parse((await must('catalog', 'list', '--json', '--config', config)).out) as unknown
    const framework = 'protecting-controlled-information-in-nonfederal-systems-not-sp-800-53'
    expect(await list('config.yaml')).toMatchObject({ catalogs: [{ framework, identified_as: framework }] })
    expect(await list('named.yaml')).toMatchObject({
      catalogs: [{ framework, identified_as: 'nist-800-53' }],
    })
  })

  test('of a pack for another framework apply to that one alone', async () => {
    folder.write(
      'own.rules.yaml',
      `name: own
frameworks: [Handbook]
families: { AC: { required_all: [audit-log] } }
controls: { AC-02: { required_all: [no-such-type] } }
`,
    )
    folder.write('own.yaml', 'environments: { production: }\nrule_packs: [own.rules.yaml]\n')
    writeCatalog('handbook.json', 'Handbook', { 'AC-02': 'Doors', 'AC-2': 'Locks', 'X-1': 'Windows' })
    await must('catalog', 'import', 'handbook.json')
    await must('catalog', 'import', 'namesakes.json')
    const { run_id: runId } = await once('--config', 'own.yaml')
    expect(await results(runId)).toEqual([
      'AC-02 INSUFFICIENT_EVIDENCE handbook',
      'AC-2 PASS handbook',
      'X-1 UNKNOWN handbook',
      'AC-02 UNKNOWN namesakes',
      'AC-03 UNKNOWN namesakes',
    ])
  })

  test('a framework that is not known is unknown, except where the database has requirements', async () => {
    await client.query(`
      INSERT INTO catalogs (name, title, framework, loaded_at, attributes)
      VALUES ('mine', 'Mine', 'custom', now(), '{}');
      INSERT INTO controls (catalog_id, control_id, title, family, attributes)
      VALUES (1, 'AC-2', 'Mine', 'AC', '{}'), (1, 'AC-3', 'Mine too', 'AC', '{}');
      INSERT INTO control_requirements (control_id, required_any, required_all)
      VALUES (2, '[]', '["audit-log"]')`)
    // AC-3 of NIST SP 800-53 needs AC-2; this one does not.
    const { out, err } = await must('scheduler', 'once', '--json')
    expect(await results((JSON.parse(out) as Summary).run_id)).toEqual([
      'AC-2 UNKNOWN mine',
      'AC-3 PASS mine',
    ])
    expect(err).toContain(
      '1 control of the catalog "mine" is unknown: the framework of the catalog is not known; set catalogs.mine.framework in the configuration',
    )
    expect((await must('catalog', 'list', '--json')).out).toContain('"identified_as": null')
  })

  test('an incremental run keeps no answer of a framework that was corrected', async () => {
    await must('catalog', 'import', 'namesakes.json', '--framework', 'nist-800-53-rev5')
    expect((await once('--incremental')).counts).toMatchObject({ pass: 2 })
    await must('catalog', 'import', 'namesakes.json')
    expect((await once('--incremental')).counts).toMatchObject({ pass: 0, unknown: 2 })
  })
})

describe('a baseline', () => {
  test('has the controls of its own catalog', async () => {
    writeCatalog('handbook-a.json', 'Handbook A', { 'k-1': 'First of A', 'k-2': 'Second of A' })
    writeCatalog('handbook-b.json', 'Handbook B', { 'k-1': 'Something else of B', 'k-9': 'Ninth of B' })
    writeProfile('profile-a.json', 'Baseline of A', 'handbook-a.json', ['k-1', 'k-2'])
    await must('catalog', 'import', 'handbook-a.json')
    await must('catalog', 'import', 'profile-a.json')
    const before = await once('--baseline', 'profile-a')
    await must('catalog', 'import', 'handbook-b.json')
    const after = await once('--baseline', 'profile-a')
    expect(await results(after.run_id)).toEqual(['K-1 UNKNOWN handbook-a', 'K-2 UNKNOWN handbook-a'])
    expect(after.scope).toEqual(before.scope)
  })

  test('of rev5 has 287 controls beside rev4, and a scope of its own', async () => {
    await must('catalog', 'import', '--builtin', 'nist-800-53-rev5')
    const { rows } = await client.query<{ id: string; title: string }>(
      `SELECT lower(control_id) AS id, title FROM controls WHERE family IN ('AC', 'AU', 'SC')`,
    )
    writeCatalog(
      'NIST_SP-800-53_rev4_catalog.json',
      'NIST Special Publication 800-53 Revision 4: Security and Privacy Controls for Federal Information Systems and Organizations',
      Object.fromEntries(rows.map(({ id, title }) => [id, title])),
    )
    const alone = await once('--baseline', 'moderate')
    await must('catalog', 'import', 'NIST_SP-800-53_rev4_catalog.json')
    const beside = await once('--baseline', 'moderate')
    expect([alone, beside].map(({ counts }) => counts['controls'])).toEqual([287, 287])
    // The same controls in the same catalog: the runs compare.
    expect(beside.scope?.digest).toBe(alone.scope?.digest)
    const [all, low] = [await once(), await once('--baseline', 'low')]
    expect(all.counts['controls']).toBe(1007 + rows.length)
    expect(low.scope?.digest).not.toBe(alone.scope?.digest)

    // Other members under the same name are another scope.
    await client.query(`DELETE FROM baseline_controls WHERE control_id = 'ac-2'
                           AND baseline_id = (SELECT id FROM baselines WHERE name LIKE '%-moderate')`)
    const changed = await once('--baseline', 'moderate')
    expect(changed.counts['controls']).toBe(286)
    expect(changed.scope?.digest).not.toBe(alone.scope?.digest)
  })

  test('whose framework no catalog has is refused, not empty', async () => {
    writeCatalog('handbook-a.json', 'Handbook A', { 'k-1': 'First of A' })
    writeProfile('profile-a.json', 'Baseline of A', 'handbook-a.json', ['k-1'])
    const { err } = await must('catalog', 'import', 'profile-a.json')
    expect(err).toBe(
      'warning: baseline "profile-a": 1 of 1 control is in no catalog of handbook-a here (K-1); import their catalog too\n',
    )
    writeCatalog('handbook-b.json', 'Handbook B', { 'k-2': 'Second of B' })
    await must('catalog', 'import', 'handbook-b.json')
    const refused = await run('scheduler', 'once', '--baseline', 'profile-a', '--allow-empty')
    expect(refused.code).toBe(2)
    expect(refused.err).toContain(
      'the baseline "profile-a" is of the framework handbook-a, and no catalog here is: handbook-b (handbook-b); import its catalog',
    )
  })
})

describe('an import', () => {
  const REV4 = 'NIST Special Publication 800-53 Revision 4'
  const baseline = 'rev4/NIST_SP-800-53_rev4_HIGH-baseline-resolved-profile_catalog.json'
  const complete = 'rev4/NIST_SP-800-53_rev4_catalog.json'
  writeCatalog(
    baseline,
    `${REV4} HIGH IMPACT BASELINE`,
    { 'ac-1': 'Control ac-1' },
    { props: [{ name: 'resolution-tool', value: 'example' }] },
  )
  writeCatalog(
    complete,
    `${REV4}: Security and Privacy Controls for Federal Information Systems and Organizations`,
    {
      'ac-1': 'Control ac-1',
      'ac-2': 'Control ac-2',
      'ac-3': 'Control ac-3',
    },
  )

  test.each([
    [baseline, complete, baseline],
    [complete, baseline, complete],
  ])('never puts a catalog into the row of another: %s, then %s', async (...files) => {
    for (const file of files) await must('catalog', 'import', file)
    const { rows } = await client.query(
      `SELECT k.framework, count(*)::int AS controls, count(*) FILTER (WHERE c.attributes ->> 'removed' = 'true')::int AS removed
         FROM catalogs k JOIN controls c ON c.catalog_id = k.id GROUP BY k.id ORDER BY 2`,
    )
    const framework = 'nist-800-53-rev4'
    expect(rows).toEqual([
      { framework, controls: 1, removed: 0 },
      { framework, controls: 3, removed: 0 },
    ])
    const { rows: decided } = await client.query(
      `SELECT DISTINCT c.control_id FROM validation_results v JOIN controls c ON c.id = v.control_id
        WHERE v.job_run_id = $1 ORDER BY 1`,
      [(await once()).run_id],
    )
    expect(decided).toEqual(['AC-1', 'AC-2', 'AC-3'].map((control_id) => ({ control_id })))
  })

  test('that removes much is refused with the counts, shown by a dry run, and done with --yes', async () => {
    writeCatalog('ours.json', 'Ours', { 'o-1': 'One', 'o-2': 'Two', 'o-3': 'Three' })
    await must('catalog', 'import', 'ours.json')
    writeCatalog('ours.json', 'Ours', { 'o-1': 'One' })
    const refused = await run('catalog', 'import', 'ours.json')
    expect(refused).toMatchObject({ code: 2, out: '' })
    expect(refused.err).toContain(
      'ours.json: this would mark 2 of the 3 controls of the catalog "ours" as removed (O-2, O-3), and they would not be validated any more; confirm that with --yes',
    )
    expect((await once()).counts['controls']).toBe(3)
    const dry = await must('catalog', 'import', 'ours.json', '--dry-run')
    expect(dry.err).toContain(
      'catalog "ours": more than a tenth of its controls are to be marked as removed (2: O-2, O-3); the import needs --yes',
    )
    expect((await once()).counts['controls']).toBe(3)
    expect(await must('catalog', 'import', 'ours.json', '--yes')).toMatchObject({ err: '' })
    expect((await once()).counts['controls']).toBe(1)
  })
})

describe('ids of other frameworks', () => {
  const ISM = { 'ism-0039': 'Strategy', 'ism-0445': 'Privileged accounts' }

  test('are stored and found as published', async () => {
    writeCatalog('ism.json', 'Information security manual', ISM)
    await must('catalog', 'import', 'ism.json')
    const all = await once()
    expect(await results(all.run_id)).toEqual(['ISM-0039 UNKNOWN ism', 'ISM-0445 UNKNOWN ism'])
    for (const id of ['ISM-0445', 'ism-0445', 'ISM-04*']) {
      expect(await results((await once('--control', id)).run_id)).toEqual(['ISM-0445 UNKNOWN ism'])
      const { out } = await must('results', '--control', id, '--json')
      expect((JSON.parse(out) as { control: string }[]).map(({ control }) => control)).toEqual(['ISM-0445'])
    }
    const run445 = await run('scheduler', 'once', '--control', 'ISM-445')
    expect([run445.code, run445.err]).toEqual([
      2,
      expect.stringContaining('ISM-445 (did you mean ISM-0445?)'),
    ])
    const results445 = await run('results', '--control', 'ISM-445')
    expect([results445.code, results445.err]).toEqual([
      2,
      expect.stringContaining('is called "ISM-445"; did you mean "ISM-0445"?'),
    ])
  })

  test('in the spelling of an earlier release are renamed, with their results and baselines', async () => {
    writeCatalog('ism.json', 'Information security manual', ISM)
    writeProfile('level.json', 'Level', 'ism.json', ['ism-0445'])
    await client.query(`
      INSERT INTO catalogs (name, title, framework, oscal_path, loaded_at, attributes)
      VALUES ('ism', 'Information security manual', 'ism', 'ism.json', now(), '{}');
      INSERT INTO controls (catalog_id, control_id, title, family, attributes)
      VALUES (1, 'ISM-39', 'Strategy', 'ISM', '{}'), (1, 'ISM-445', 'Privileged accounts', 'ISM', '{}');
      INSERT INTO baselines (name, title, framework, loaded_at) VALUES ('level', 'Level', 'ism', now());
      INSERT INTO baseline_controls VALUES (1, 'ism-445')`)
    const before = await once()
    const { out } = await must('catalog', 'import', 'ism.json', '--json')
    expect(JSON.parse(out)).toMatchObject({
      imports: [{ added: 0, changed: 2, removed: 0, unchanged: 0, framework: 'information-security-manual' }],
    })
    expect(await results(before.run_id)).toEqual(['ISM-0039 UNKNOWN ism', 'ISM-0445 UNKNOWN ism'])
    // The baseline still has the former spelling, and follows the catalog.
    expect(await results((await once('--baseline', 'level')).run_id)).toEqual(['ISM-0445 UNKNOWN ism'])
    const again = await must('catalog', 'import', 'level.json', '--json')
    expect(JSON.parse(again.out)).toMatchObject({ imports: [{ added: 0, changed: 1, removed: 0 }] })
    expect(await results((await once('--baseline', 'level')).run_id)).toEqual(['ISM-0445 UNKNOWN ism'])
  })
})

describe('--control, --family and --framework', () => {
  beforeEach(async () => {
    await must('catalog', 'import', '--builtin', 'nist-800-53-rev5')
    writeCatalog('other.json', 'Handbook', { 'ac-2': 'Doors', 'ac-3': 'Locks', 'o-1': 'Windows' })
    await must('catalog', 'import', 'other.json')
  })

  test.each<[argv: string[], lines: string[], warning: string]>([
    [
      ['--control', 'AC-2'],
      ['AC-2 PASS nist-800-53-rev5'],
      'selection.controls: AC-2 is also in "other" (framework handbook), for which there is no rule pack, and is not selected there; set a framework (--framework) to select it',
    ],
    [['--control', 'AC-2', '--framework', 'handbook'], ['AC-2 UNKNOWN other'], ''],
    [['--control', 'ac-02', '--framework', 'NIST SP 800-53 Rev. 5'], ['AC-2 PASS nist-800-53-rev5'], ''],
    [['--control', 'o-1'], ['O-1 UNKNOWN other'], ''],
    [
      ['--framework', 'handbook', '--exclude-control', 'O-*'],
      ['AC-2 UNKNOWN other', 'AC-3 UNKNOWN other'],
      '',
    ],
    [['--family', 'AC', '--framework', 'handbook'], ['AC-2 UNKNOWN other', 'AC-3 UNKNOWN other'], ''],
  ])('%j', async (argv, lines, warning) => {
    const { out, err } = await must('scheduler', 'once', '--json', ...argv)
    expect(await results((JSON.parse(out) as Summary).run_id)).toEqual(lines)
    if (warning === '') expect(err).not.toContain('is also in')
    else expect(err).toContain(warning)
  })

  test('a family is that of the framework with rules', async () => {
    const { run_id: runId, counts } = await once('--family', 'AC')
    expect(new Set((await results(runId)).map((line) => line.split(' ')[2]))).toEqual(
      new Set(['nist-800-53-rev5']),
    )
    expect(counts['controls']).toBeGreaterThan(100)
  })
})
