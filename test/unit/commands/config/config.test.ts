import { parse as parseYaml } from 'yaml'
import { describe, expect, test } from 'vitest'
import { configCommand } from '../../../../job-image/commands/config/config.ts'
import { runCli } from '../../../support/cli.ts'
import { createFolder, runCommand } from '../../../support/run-command.ts'
import type { Ran } from '../../../support/run-command.ts'

/** Every secret of these tests holds this word, so that no output may. */
const CANARY = 'canary'

const folder = createFolder()
folder.write(
  'config.yaml',
  `version: 1
organization: { name: ACME, api_token: canary-1 }
environments:
  production:
    description: the real one
    database_url: postgresql+asyncpg://rmf:\${DB_PASSWORD}@db:5432/rmf?ssl=require&options=canary-2
    storage:
      type: minio
      endpoint: https://user:canary-3@s3.example.com/x
      bucket: evidence
      access_key: canary-4
      secret_key: \${SECRET_KEY}
      password: \${PASS:-canary-5}
      region: \${REGION:-canary-6}
      keys: [canary-7, { a: canary-8 }]
      nested: [{ "client-secret": canary-9, note: "password=canary-10 x" }]
      pin_token: 12345
  staging:
    database_url: \${STAGING_URL}
catalogs:
  nist_800_53: catalogs/nist.json
  theirs: { framework: nist-800-53-rev5 }
rule_packs: [rules.yaml]
`,
)
folder.write('catalogs/nist.json', '{}')
folder.write('rules.yaml', 'name: ours\ncontrols: { AC-2: { required_all: [audit-log] } }\n')

const env = { DB_PASSWORD: 'canary-11', STAGING_URL: 'canary-12' }
const config = (argv: string[], variables: Record<string, string> = env): Promise<Ran> =>
  runCommand(configCommand, argv, { cwd: folder.path, env: variables })

describe('config show', () => {
  test('shows what is in force, and no secret', async () => {
    const { code, out, err } = await config(['show', '--json'])
    expect(code).toBe(0)
    expect(out + err).not.toContain(CANARY)
    expect(JSON.parse(out)).toMatchObject({
      version: 1,
      organization: { name: 'ACME', api_token: '***' },
      environments: {
        production: {
          description: 'the real one',
          database_url: 'postgresql://rmf:***@db:5432/rmf?options=***&sslmode=require',
          database_url_from: 'environments.production.database_url',
          storage: {
            type: 'minio',
            endpoint: 'https://***@s3.example.com/x',
            bucket: 'evidence',
            access_key: '***',
            secret_key: '${SECRET_KEY}',
            password: '***',
            region: '${REGION:-***}',
            keys: '***',
            nested: [{ 'client-secret': '***', note: 'password=*** x' }],
            pin_token: '***',
          },
        },
        staging: {
          database_url: null,
          database_url_from: expect.stringMatching(/:19:5: .*not a PostgreSQL URL/),
        },
      },
      catalogs: {
        nist_800_53: { path: expect.stringMatching(/catalogs\/nist\.json$/) },
        theirs: { framework: 'nist-800-53-rev5' },
      },
    })
  })

  test('prints the same as YAML', async () => {
    const json = await config(['show', '--env', 'production', '--json'])
    const text = await config(['show', '--env', 'production'])
    expect(parseYaml(text.out)).toEqual(JSON.parse(json.out))
    expect(Object.keys(JSON.parse(json.out).environments)).toEqual(['production'])
  })

  test('says what overrides the file', async () => {
    const url = 'postgresql://u:canary@h/d'
    const variable = await config(['show'], { DATABASE_URL: url })
    expect(variable.out).toContain('database_url_from: DATABASE_URL, which overrides the file')
    const flag = await config(['show', '--database-url', url], { DATABASE_URL: 'x' })
    expect(flag.out).toContain('database_url: postgresql://u:***@h/d')
    expect(flag.out).toContain('database_url_from: --database-url, which overrides the file')
    expect(variable.out + flag.out).not.toContain(CANARY)
  })

  test('an unknown environment is an error', async () => {
    const { code, err } = await config(['show', '--env', 'stagin'])
    expect([code, err]).toEqual([2, expect.stringContaining('did you mean "staging"?')])
  })
})

describe('config check', () => {
  test('a good one', async () => {
    const ran = await config(['check'], { ...env, STAGING_URL: 'postgresql://h/d' })
    expect(ran).toMatchObject({ code: 0, out: expect.stringMatching(/config\.yaml: OK\n$/), err: '' })
  })

  test('reports everything at once, without a secret', async () => {
    folder.write(
      'bad.yaml',
      `environments:
  a: {database_url: "\${NOT_SET}"}
  b: {database_url: "\${STAGING_URL}"}
  c: {}
catalogs: {x: nowhere.json, y: .}
rule_packs: [rules.yaml, none.yaml, broken.yaml]
`,
    )
    folder.write('broken.yaml', 'name: x\ncontrols: { "A--2": { required_all: [a] } }\n')
    const { code, out, err } = await config(['check', '--config', 'bad.yaml'])
    expect(code).toBe(2)
    expect(out).toBe('')
    expect(err.replaceAll(`${folder.path}/`, '').split('\n')).toEqual([
      'note: environments.c has no database_url: set DATABASE_URL for its commands',
      'bad.yaml:2:7: environments.a.database_url: the environment variable NOT_SET is not set; set it, or write ${NOT_SET:-default}',
      expect.stringMatching(/^bad\.yaml:3:7: environments\.b\.database_url: not a PostgreSQL URL/),
      'bad.yaml:5:12: catalogs.x: there is no such file',
      'bad.yaml:5:29: catalogs.y: is not a file',
      'bad.yaml:6:26: rule_packs.1: there is no such file',
      expect.stringMatching(/^broken\.yaml:2:13: controls\.A--2: "A--2" is not a control id/),
    ])
    expect(err).not.toContain(CANARY)
    const json = await config(['check', '--config', 'bad.yaml', '--json', '--env', 'a'])
    expect(json.code).toBe(2)
    expect(JSON.parse(json.out).problems).toHaveLength(5)
    expect(json.out).not.toContain(CANARY)
  })

  test('an unreadable file, with --json, too', async () => {
    const { code, out } = await config(['check', '--config', 'none.yaml', '--json'])
    expect([code, JSON.parse(out).problems[0].message]).toEqual([
      2,
      'cannot read this configuration: no such file',
    ])
  })

  test('with DATABASE_URL the variables of the file are not needed; a bad one is no secret spilt', async () => {
    const good = await config(['check'], { DATABASE_URL: 'postgresql://h/d' })
    expect(good.code).toBe(0)
    const bad = await config(['check'], { ...env, DATABASE_URL: 'canary' })
    expect(bad.code).toBe(2)
    expect(bad.err).toContain('DATABASE_URL: not a PostgreSQL URL')
    expect(bad.err).not.toContain(CANARY)
  })
})

describe('RAPIDRMF_CONFIG', () => {
  folder.write('other/named.yaml', 'environments: { elsewhere: { database_url: postgresql://h/d } }\n')
  const check = (variable: string, ...argv: string[]) =>
    runCli(['config', 'check', ...argv], {
      cwd: folder.path,
      env: { ...env, STAGING_URL: 'postgresql://h/d', RAPIDRMF_CONFIG: variable },
    })

  test('names the configuration', async () => {
    expect(await check('other/named.yaml')).toMatchObject({ code: 0, stdout: 'other/named.yaml: OK\n' })
    const missing = await check('missing.yaml')
    expect(missing.code).toBe(2)
    expect(missing.stderr).toContain('missing.yaml')
  })

  test('gives way to --config', async () => {
    const { stdout } = await check('missing.yaml', '--config', 'other/named.yaml')
    expect(stdout).toBe('other/named.yaml: OK\n')
  })

  test('is as good as none when it is empty', async () => {
    expect(await check('')).toEqual(await check('config.yaml'))
  })

  test('is named by the help', async () => {
    expect((await runCli(['config', 'check', '--help'])).stdout).toContain('env: RAPIDRMF_CONFIG')
  })
})
