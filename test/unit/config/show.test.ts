import { describe, expect, it } from 'vitest'
import { parseConfig } from '../../../job-image/config/config.ts'
import { showConfig } from '../../../job-image/config/show.ts'

const show = (
  text: string,
  options: { env?: string; databaseUrl?: string } = {},
  env: Record<string, string> = {},
) => showConfig(parseConfig(text, '/etc/config.yaml', env), options, { env })
const DEFAULTS = { retries: 0, retry_delay: 60, retry_backoff: 2 }

it('a small configuration is shown with its defaults, and without what it does not have', () => {
  expect(show('environments: { e: }')).toEqual({
    file: '/etc/config.yaml',
    environments: { e: { database_url: null, database_url_from: 'not set' } },
    catalogs: {},
    rule_packs: [],
    scheduler: DEFAULTS,
  })
})

it('a large one is shown with all of it, and without secrets', () => {
  const shown = show(
    `environments:
  e: { description: "token=canary", database_url: "postgresql://u:\${PW}@h/d", storage: { bucket: b, key: canary },
       selection: { controls: { families: [AC] } } }
catalogs: { nist_800_53_rev5: { path: "\${DIR}/c.json", framework: nist-800-53-rev5 } }
rule_packs: [ packs/a.yaml, "\${UNSET}/b.yaml" ]
scheduler: { retries: 3 }
selection: { systems: { include: [a] } }
incremental: true
full_every: 36h
results: { publish: none }
notifications: [ { name: n, type: slack, on: [errored], url: "https://hooks.example/canary" } ]
policy: { password: canary, level: high }
`,
    {},
    { PW: 'canary', DIR: '/data' },
  )
  expect(shown).toEqual({
    file: '/etc/config.yaml',
    environments: {
      e: {
        description: 'token=***',
        database_url: 'postgresql://u:***@h/d',
        database_url_from: 'environments.e.database_url',
        storage: { bucket: 'b', key: '***' },
        selection: { controls: { families: ['AC'] } },
      },
    },
    catalogs: { nist_800_53_rev5: { path: '/data/c.json', framework: 'nist-800-53-rev5' } },
    rule_packs: ['/etc/packs/a.yaml', '${UNSET}/b.yaml'],
    scheduler: { ...DEFAULTS, retries: 3 },
    selection: { systems: { include: ['a'] } },
    incremental: true,
    full_every: '1d12h',
    results: { publish: 'none' },
    notifications: [expect.objectContaining({ name: 'n', url: 'https://hooks.example/***' })],
    policy: { password: '***', level: 'high' },
  })
})

describe('the source of a database URL', () => {
  const TWO = 'environments: { a: { database_url: "postgresql://file/d" }, b: }'

  it.each([
    [{ databaseUrl: 'postgresql://flag/d' }, {}, 'flag', '--database-url'],
    [{}, { DATABASE_URL: 'postgresql://var/d' }, 'var', 'DATABASE_URL'],
  ])('is the overriding one: %j %j', (options, env, host, source) => {
    const { environments } = show(TWO, options, env)
    const database_url = `postgresql://${host}/d`
    expect(environments).toEqual({
      a: { database_url, database_url_from: `${source}, which overrides the file` },
      b: { database_url, database_url_from: source },
    })
  })

  it('is the reason why there is none', () => {
    const { environments } = show('environments: { a: { database_url: "${URL}" } }')
    expect(environments['a']).toEqual({
      database_url: null,
      database_url_from: expect.stringContaining('the environment variable URL is not set'),
    })
  })

  it('is shown of one environment with --env', () => {
    expect(Object.keys(show(TWO, { env: 'b' }).environments)).toEqual(['b'])
    expect(() => show(TWO, { env: 'c' })).toThrow('there is no environment "c"')
  })
})
