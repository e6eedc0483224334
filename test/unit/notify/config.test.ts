import { describe, expect, it } from 'vitest'
import { parseConfig } from '../../../job-image/config/config.ts'
import { resolveSink } from '../../../job-image/config/notifications.ts'
import { InputError, asError } from '../../../job-image/errors.ts'
import type { Sink } from '../../../job-image/notify/sink.ts'
import { createFolder, runArgv } from '../../support/run-command.ts'

const ENVIRONMENTS = 'environments: { production: {}, staging: {} }\nnotifications:\n'

/** The sinks of a file, ready to be used. */
function sinks(text: string, env: Record<string, string> = {}): Sink[] {
  const config = parseConfig(ENVIRONMENTS + text, 'config.yaml', env)
  return config.notifications.map((each) => resolveSink(each, env).sink)
}

/** What is wrong with a file, a line each; with its sinks where it can be read. */
function faults(text: string, env: Record<string, string> = {}): string {
  try {
    const config = parseConfig(ENVIRONMENTS + text, 'config.yaml', env)
    const problems = config.notifications.flatMap((each) => resolveSink(each, env).problems)
    return problems.length === 0 ? '' : new InputError(problems).message
  } catch (thrown) {
    return asError(thrown).message
  }
}

const HOOK = '  - { name: ops, type: webhook, on: [errored], url: "https://hooks.example/x"'

describe('notifications', () => {
  it('have defaults that suit most', () => {
    expect(sinks(`${HOOK} }`)).toEqual([
      {
        name: 'ops',
        on: ['errored'],
        environments: ['production', 'staging'],
        grace: 300_000,
        timeout: 10_000,
        allowPrivateAddresses: false,
        transport: { type: 'webhook', url: 'https://hooks.example/x', headers: {} },
      },
    ])
  })

  it('may say everything, with secrets from the environment', () => {
    const text = `  - name: ops
    type: webhook
    on: [errored, worse, recovered, findings, always]
    environments: [production]
    timeout: 2.5
    grace: 0
    allow_private_addresses: true
    url: http://hooks.internal:8080/\${TOKEN}
    secret: \${SECRET}
    headers: { Authorization: "Bearer \${TOKEN}" }
  - { name: chat, type: slack, on: [worse], url: "\${SLACK}" }
  - name: mail
    type: email
    on: [findings]
    host: mail.example.org
    tls: implicit
    user: robot
    password: \${SECRET}
    from: RapidRMF <rapidrmf@example.org>
    to: [a@example.org, B <b@example.org>]
  - { name: relay, type: email, on: [findings], host: relay, tls: none, from: a@b.c, to: d@e.f }
`
    const env = { TOKEN: 't0ken', SECRET: 's3cret', SLACK: 'https://hooks.slack.com/services/T/B/x' }
    expect(sinks(text, env)).toMatchObject([
      {
        environments: ['production'],
        timeout: 2_500,
        grace: 0,
        allowPrivateAddresses: true,
        transport: {
          url: 'http://hooks.internal:8080/t0ken',
          secret: 's3cret',
          headers: { authorization: 'Bearer t0ken' },
        },
      },
      { transport: { type: 'slack', url: 'https://hooks.slack.com/services/T/B/x' } },
      {
        transport: {
          host: 'mail.example.org',
          port: 465,
          tls: 'implicit',
          login: { user: 'robot', password: 's3cret' },
          to: ['a@example.org', 'B <b@example.org>'],
        },
      },
      { transport: { port: 25, tls: 'none', to: ['d@e.f'] } },
    ])
  })

  it.each([
    [`${HOOK.replace('webhook', 'telegram')} }`, /notifications\.0\.type: expected webhook, slack or email/],
    [
      `${HOOK.replace('url', 'ulr')} }`,
      /config\.yaml:3:\d+: notifications\.0\.ulr: unknown key; did you mean "url"\?/,
    ],
    [`${HOOK.replace('[errored]', '[]')} }`, /notifications\.0\.on: must not be empty/],
    [`${HOOK.replace('errored', 'broken')} }`, /notifications\.0\.on\.0: expected errored or worse or/],
    [`${HOOK.replace('ops', '"a b"')} }`, /notifications\.0\.name: letters, digits/],
    [`${HOOK} }\n${HOOK} }`, /config\.yaml:4:\d+: notifications\.1\.name: another sink above has this name/],
    [
      `${HOOK}, environments: [prodution] }`,
      /environments\.0: there is no such environment; did you mean "production"\?/,
    ],
    [`${HOOK}, timeout: 31 }`, /timeout: expected a number of seconds .*, from 0\.1 to 30 seconds/],
    [`${HOOK}, grace: -1 }`, /grace: expected a number of seconds .*, from 0 to 86400 seconds/],
    [`${HOOK}, secret: "\${SECRET" }`, /secret: a "\$\{" that is not/],
    [`${HOOK}, secret: "\${SECRET}" }`, /secret: the environment variable SECRET is not set/],
    [`${HOOK}, headers: { Content-Type: x } }`, /headers\.Content-Type: this header is set by the sender/],
    [`${HOOK}, headers: { "a b": x } }`, /headers\.a b: this is no name of a header/],
    [`${HOOK.replace('https:', 'http:')} }`, /url: http:\/\/ sends in the clear/],
    [`${HOOK.replace('https:', 'ftp:')} }`, /url: expected a URL that begins with https/],
    [`${HOOK.replace('hooks', 'me:pw@hooks')} }`, /url: a login does not belong into the URL/],
    [
      '  - { name: m, type: email, on: [always], host: h, from: a@b.c, to: "a@b.c, d@e.f" }',
      /to: expected one mail/,
    ],
    [
      '  - { name: m, type: email, on: [always], host: h, from: a@b.c, to: d@e.f, user: u }',
      /belong together/,
    ],
    [
      '  - { name: m, type: email, on: [always], host: h, from: a@b.c, to: d@e.f, user: u, password: p, tls: none }',
      /send the password in the clear/,
    ],
  ])('%s is refused', (text, expected) => {
    expect(faults(text)).toMatch(expected)
  })

  it('a secret that ends with a line break would sign what nobody can check', () => {
    expect(faults(`${HOOK}, secret: "\${SECRET}" }`, { SECRET: 'canary\n' })).toMatch(
      /secret: holds a line break or another control character/,
    )
    expect(faults(`${HOOK}, secret: "\${SECRET}" }`, { SECRET: 'canary\n' })).not.toContain('canary')
  })

  it('a sink whose variable is missing is told as unusable, and the others work', () => {
    const [broken, fine] = sinks(`${HOOK}, secret: "\${SECRET}" }\n${HOOK.replace('ops', 'other')} }`)
    expect(broken?.transport).toEqual({
      type: 'unusable',
      kind: 'webhook',
      problem: expect.stringContaining(
        'notifications.0.secret: the environment variable SECRET is not set',
      ) as string,
    })
    expect(fine?.transport.type).toBe('webhook')
  })
})

describe('config check and config show', () => {
  const folder = createFolder()
  const env = {
    SLACK: 'https://hooks.slack.com/services/canary',
    KEY: 'canary',
    DATABASE_URL: 'postgresql://h/d',
  }
  folder.write(
    'config.yaml',
    `${ENVIRONMENTS}
  - { name: a, type: slack, on: [always], url: "https://hooks.slack.com/services/T0/canary" }
  - { name: b, type: slack, on: [always], url: "\${SLACK}" }
  - { name: c, type: slack, on: [always], url: "https://\${KEY}.example/canary" }
  - { name: d, type: webhook, on: [always], url: "https://x.example/?k=canary", secret: canary, headers: { x-team: canary, y: "\${KEY}" } }
  - { name: e, type: email, on: [always], host: h, from: a@b.c, to: d@e.f, user: robot, password: "\${KEY:-canary}" }
`,
  )
  folder.write('missing.yaml', `${ENVIRONMENTS}${HOOK}, environments: [staging], secret: "\${NOWHERE}" }\n`)
  const rapidrmf = (...argv: string[]) => runArgv(argv, { cwd: folder.path, env })

  it('show what is written, and no secret', async () => {
    const { code, out, err } = await rapidrmf('config', 'show', '--json')
    expect([code, err]).toEqual([0, ''])
    expect(out).not.toContain('canary')
    const { notifications } = JSON.parse(out) as { notifications: unknown[] }
    expect(notifications).toMatchObject([
      { name: 'a', url: 'https://hooks.slack.com/***' },
      { name: 'b', url: '${SLACK}' },
      { name: 'c', url: '***' },
      { name: 'd', url: 'https://x.example/***', secret: '***', headers: { 'x-team': '***', y: '${KEY}' } },
      { name: 'e', host: 'h', user: 'robot', password: '***' },
    ])
    expect((await rapidrmf('config', 'check')).code).toBe(0)
  })

  it('say which variable is missing, for the environments that are asked for', async () => {
    const { code, err } = await rapidrmf('config', 'check', '--config', 'missing.yaml')
    expect([code, err]).toEqual([
      2,
      expect.stringMatching(/missing\.yaml:3:\d+: notifications\.0\.secret: the env/),
    ])
    expect((await rapidrmf('config', 'check', '--config', 'missing.yaml', '--env', 'production')).code).toBe(
      0,
    )
    expect((await rapidrmf('config', 'show', '--config', 'missing.yaml')).code).toBe(0)
  })
})
