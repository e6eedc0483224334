import { describe, expect, it } from 'vitest'
import { createDatabase } from '../../../support/database.ts'
import { createFolder, runArgv } from '../../../support/run-command.ts'
import { seedWorld } from '../../../support/world.ts'

const { client, url } = await createDatabase()
await seedWorld(client, { systems: 3, controls: ['AC-2', 'AC-2(1)', 'AU-2', 'SC-7'] })
await client.query(`UPDATE systems SET attributes = json_build_object('tier', id)`)

const folder = createFolder()
folder.write(
  'config.yaml',
  `
environments:
  production:
    selection: { controls: { families: [AU] } }
selection:
  systems: { exclude: ["*-3"] }
  controls: { families: [SC] }
`,
)
folder.write('all.yaml', 'environments: { production: }\n')

const once = (argv: readonly string[], env: Record<string, string> = {}, config = 'all.yaml') =>
  runArgv(['scheduler', 'once', '--config', config, ...argv], {
    cwd: folder.path,
    env: { DATABASE_URL: url, ...env },
  })

/** What the last run stored: `1 AC-2` is a control of the first system. */
async function stored(): Promise<string[]> {
  const { rows } = await client.query<{ pair: string }>(
    `SELECT right(s.name, 1) || ' ' || c.control_id AS pair
       FROM validation_results v JOIN systems s ON s.id = v.system_id JOIN controls c ON c.id = v.control_id
      WHERE job_run_id = (SELECT max(id) FROM job_runs) ORDER BY 1`,
  )
  return rows.map(({ pair }) => pair)
}

describe('scheduler once with a selection', () => {
  it.each<[string, string[], string[]]>([
    ['systems and controls', ['--system', '*-1', '--control', 'ac-02'], ['1 AC-2']],
    [
      'lists with commas, and repeated',
      ['--system=*-1,*-2', '--system', '*-3', '--control=SC-7'],
      ['1 SC-7', '2 SC-7', '3 SC-7'],
    ],
    [
      'families and controls',
      ['--exclude-system', '*-2,*-3', '--family', 'au', '--control', 'SC-*'],
      ['1 AU-2', '1 SC-7'],
    ],
    ['labels', ['--system-label', 'tier=2', '--exclude-control', 'AC-*'], ['2 AU-2', '2 SC-7']],
  ])('by %s', async (_, argv, pairs) => {
    const { code, err } = await once(argv)
    expect({ code, err }).toMatchObject({ code: 0 })
    expect(await stored()).toEqual(pairs)
  })

  it('says the scope where the run is shown', async () => {
    const { out } = await once(['--system', '*-1', '--family', 'AU'])
    expect(out).toContain('; scope: systems *-1; controls family AU)')
    expect(out).toMatch(/^scope [0-9a-f]{12}: systems \*-1; controls family AU$/m)
    const id = /^Run (\d+)/.exec(out)![1]!
    const show = (...argv: string[]) => runArgv(argv, { cwd: folder.path, env: { DATABASE_URL: url } })
    const text = await show('runs', 'show', id, '--config', 'all.yaml')
    expect(text.out).toMatch(/^Scope +systems \*-1; controls family AU$/m)
    expect(text.out).toMatch(/^Digest: scope +[0-9a-f]{64}$/m)
    const list = await show('runs', 'list', '--config', 'all.yaml', '--json', '--limit', '1')
    expect(JSON.parse(list.out)).toMatchObject([
      { attributes: { scope: { text: 'systems *-1; controls family AU' } } },
    ])
    const table = await show('runs', 'list', '--config', 'all.yaml')
    expect(table.out).toMatch(/Verdict +│ Scope/)
    expect(table.out).toMatch(/Passed +│ systems \*-1; controls family AU +│/)
    const json = await once(['--json', '--control', 'AC-2'])
    expect(JSON.parse(json.out)).toMatchObject({ scope: { text: 'controls AC-2' } })
  })

  it('takes each part from the flags, else the variable, else the environment, else the file', async () => {
    await once([], {}, 'config.yaml')
    expect(await stored()).toEqual(['1 AU-2', '2 AU-2'])
    const env = { SELECTION: '{"systems":{"include":["*-3"]}}' }
    await once([], env, 'config.yaml')
    expect(await stored()).toEqual(['3 AU-2'])
    await once(['--control', 'SC-7'], env, 'config.yaml')
    expect(await stored()).toEqual(['3 SC-7'])
    await once(['--system', '*-2'], env, 'config.yaml')
    expect(await stored()).toEqual(['2 AU-2'])
  })

  it('exits 2 for a selection of nothing, 0 when that is allowed', async () => {
    const refused = await once(['--system', 'web-*'])
    expect(refused.code).toBe(2)
    expect(refused.err).toContain(
      'selection.systems matches none of the 3 systems of environment "production"',
    )
    const allowed = await once(['--system', 'web-*', '--allow-empty'])
    expect(allowed).toMatchObject({
      code: 0,
      out: expect.stringContaining('Incomplete — the selection matches no'),
    })
  })

  it.each<[string[], Record<string, string>, string]>([
    [['--system', 'a,,b'], {}, '--system: expected a value, and one between any two commas'],
    [['--system-label', 'tier'], {}, '--system-label: expected key=value, found "tier"'],
    [['--system-label', 'a=1', '--system-label', 'a=2'], {}, '--system-label: a is given twice'],
    [['--baseline', 'low', '--baseline', 'high'], {}, '--baseline: a run has one baseline'],
    [['--control', 'x'.repeat(51)], {}, 'selection.controls.include.0: '],
    [
      [],
      { SELECTION: '{"systems":{"includes":[]}}' },
      'SELECTION:1:13: systems.includes: unknown key; did you mean "include"?',
    ],
  ])('refuses %j with %j before there is a row', async (argv, env, message) => {
    const { rows: before } = await client.query('SELECT count(*) FROM job_runs')
    const { code, err } = await once(argv, env)
    expect(code).toBe(2)
    expect(err).toContain(message)
    expect((await client.query('SELECT count(*) FROM job_runs')).rows).toEqual(before)
  })

  it('is checked by "config check", and shown by "config show"', async () => {
    folder.write('bad.yaml', 'environments:\n  production:\n    selection: { systems: { incl: [] } }\n')
    const command = (...argv: string[]) => runArgv(argv, { cwd: folder.path, env: { DATABASE_URL: url } })
    const { code, err } = await command('config', 'check', '--config', 'bad.yaml')
    expect(code).toBe(2)
    expect(err).toContain('bad.yaml:3:29: environments.production.selection.systems.incl: unknown key')
    const shown = await command('config', 'show', '--config', 'config.yaml', '--json')
    expect(JSON.parse(shown.out)).toMatchObject({
      selection: { controls: { families: ['SC'] } },
      environments: { production: { selection: { controls: { families: ['AU'] } } } },
    })
  })
})

describe('scheduler once with --publish', () => {
  folder.write('none.yaml', 'environments: { production: }\nresults: { publish: none }\n')

  /** The rows of validation_results that the newest run has, and what `results` shows of it. */
  async function published(
    config = 'all.yaml',
  ): Promise<{ readonly rows: string[]; readonly shown: object[] }> {
    const { out } = await runArgv(['results', '--run', 'latest', '--config', config, '--json'], {
      cwd: folder.path,
      env: { DATABASE_URL: url },
    })
    const results = JSON.parse(out) as Record<string, unknown>[]
    const own = ['id', 'validated_at', 'confirmed_at', 'results_run_id', 'run_id']
    const shown = results.map((each) =>
      Object.fromEntries(Object.entries(each).filter(([key]) => !own.includes(key))),
    )
    return { rows: await stored(), shown }
  }

  it('none leaves validation_results alone, and shows the same results', async () => {
    expect(await once(['--publish', 'all'])).toMatchObject({ code: 0 })
    const all = await published()
    expect(all.rows).toHaveLength(12)
    expect(all.shown).toHaveLength(12)
    expect(await once(['--publish', 'none'])).toMatchObject({ code: 0 })
    expect(await published()).toEqual({ rows: [], shown: all.shown })
  })

  it('overrides RESULTS_PUBLISH, which overrides results.publish', async () => {
    const rows = async (argv: readonly string[], env: Record<string, string>): Promise<number> => {
      expect(await once(argv, env, 'none.yaml')).toMatchObject({ code: 0 })
      return (await stored()).length
    }
    expect(await rows([], {})).toBe(0)
    expect(await rows([], { RESULTS_PUBLISH: 'all' })).toBe(12)
    expect(await rows(['--publish', 'none'], { RESULTS_PUBLISH: 'all' })).toBe(0)
    expect(await rows(['--publish', 'all'], { RESULTS_PUBLISH: 'none' })).toBe(12)
  })

  it.each<[string[], Record<string, string>, RegExp]>([
    [['--publish', 'changes'], {}, /--publish.*all.*none/s],
    [[], { RESULTS_PUBLISH: 'some' }, /RESULTS_PUBLISH: expected all or none, found "some"/],
  ])('refuses %j with %j before there is a row', async (argv, env, message) => {
    const { rows: before } = await client.query('SELECT count(*) FROM job_runs')
    const { code, err } = await once(argv, env)
    expect({ code, err }).toMatchObject({ code: 2, err: expect.stringMatching(message) as string })
    expect((await client.query('SELECT count(*) FROM job_runs')).rows).toEqual(before)
  })
})
