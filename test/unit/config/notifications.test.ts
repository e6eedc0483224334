import { describe, expect, it } from 'vitest'
import { parseConfig } from '../../../job-image/config/config.ts'
import { resolveSink, showSinks } from '../../../job-image/config/notifications.ts'
import { formatProblem } from '../../../job-image/errors.ts'

/** The sinks of a configuration with two environments; each `sink` is a YAML flow map. */
const sinksOf = (...sinks: string[]) =>
  parseConfig(
    `environments: { production: , staging: }\nnotifications:\n${sinks.map((sink) => `  - ${sink}\n`).join('')}`,
    'config.yaml',
    {},
  ).notifications
const resolve = (sink: string, env: Record<string, string> = {}) => {
  const { sink: found, problems } = resolveSink(sinksOf(sink)[0]!, env)
  return { ...found, problems: problems.map(formatProblem) }
}
const WEBHOOK = 'name: hook, type: webhook, on: [errored], url: "https://hooks.example/x"'
const EMAIL = 'name: mail, type: email, on: [errored], host: mx.example, from: a@b.example, to: c@d.example'

describe('a sink', () => {
  it('has the defaults of its kind', () => {
    expect(resolve(`{ ${WEBHOOK} }`)).toEqual({
      name: 'hook',
      on: ['errored'],
      environments: ['production', 'staging'],
      grace: 300_000,
      timeout: 10_000,
      allowPrivateAddresses: false,
      transport: { type: 'webhook', url: 'https://hooks.example/x', headers: {} },
      problems: [],
    })
  })

  it('has the settings of the file, in milliseconds', () => {
    const more = 'environments: [staging], timeout: 30, grace: 1d, allow_private_addresses: true'
    expect(resolve(`{ ${WEBHOOK}, ${more} }`)).toMatchObject({
      environments: ['staging'],
      timeout: 30_000,
      grace: 86_400_000,
      allowPrivateAddresses: true,
    })
    expect(resolve(`{ ${WEBHOOK}, grace: 0, timeout: 0.1 }`)).toMatchObject({ grace: 0, timeout: 100 })
  })

  it.each([
    ['timeout: 31', /notifications\.0\.timeout/],
    ['timeout: 0.05', /notifications\.0\.timeout/],
    ['grace: 86401', /notifications\.0\.grace/],
    ['environments: []', /notifications\.0\.environments/],
    ['more: 1', /more/],
  ])('is refused with %s', (more, place) => {
    expect(() => sinksOf(`{ ${WEBHOOK}, ${more} }`)).toThrow(place)
  })

  it.each(['-x', 'a b', 'x'.repeat(64), ''])('may not have the name %j', (name) => {
    expect(() => sinksOf(`{ ${WEBHOOK.replace('hook,', `${JSON.stringify(name)},`)} }`)).toThrow(
      /letters, digits, ".", "_" and "-", at most 63 characters/,
    )
  })

  it('is one of three kinds', () => {
    expect(() => sinksOf(`{ ${WEBHOOK.replace('webhook', 'pager')} }`)).toThrow(
      /notifications\.0\.type: expected webhook, slack or email/,
    )
  })

  it('has a name and environments that the file knows', () => {
    const twice = () => sinksOf(`{ ${WEBHOOK} }`, `{ ${WEBHOOK}, environments: [production, stagin] }`)
    expect(twice).toThrow('notifications.1.name: another sink above has this name')
    expect(twice).toThrow(/notifications\.1\.environments\.1: there is no such environment.*staging/)
  })
})

describe('a webhook', () => {
  it('has its variables put in, and its headers in lower case', () => {
    const more = 'secret: "${SECRET}", headers: { Authorization: "Bearer ${TOKEN}" }'
    expect(resolve(`{ ${WEBHOOK}, ${more} }`, { SECRET: 's', TOKEN: 't' }).transport).toEqual({
      type: 'webhook',
      url: 'https://hooks.example/x',
      headers: { authorization: 'Bearer t' },
      secret: 's',
    })
  })

  it('is unusable with a variable that is not set, and says which', () => {
    const { transport, problems } = resolve(`{ ${WEBHOOK}, secret: "\${SECRET}" }`)
    expect(problems).toEqual([
      expect.stringMatching(/^config\.yaml:3:.*secret: the environment variable SECRET/),
    ])
    expect(transport).toEqual({ type: 'unusable', kind: 'webhook', problem: problems[0] })
  })

  it.each([
    ['secret: "${S}"', { S: '' }, 'secret: is empty once its variables are put in'],
    ['secret: "${S}"', { S: 'x\n' }, 'secret: holds a line break or another control character'],
    ['secret: "${"', {}, 'secret: a "${" that is not ${NAME}'],
    ['headers: { Content-Type: x }', {}, 'headers.Content-Type: this header is set by the sender'],
    [
      'headers: { rapidrmf-signature: x }',
      {},
      'headers.rapidrmf-signature: this header is set by the sender',
    ],
    ['headers: { "a b": x }', {}, 'headers.a b: this is no name of a header'],
  ])('may not have %s with %j', (more, env, problem) => {
    expect(resolve(`{ ${WEBHOOK}, ${more} }`, env as Record<string, string>).problems.join()).toContain(
      problem,
    )
  })

  it('is public and encrypted unless the file says otherwise', () => {
    const plain = WEBHOOK.replace('https:', 'http:')
    expect(resolve(`{ ${plain} }`).problems.join()).toContain('"allow_private_addresses: true"')
    expect(resolve(`{ ${plain}, allow_private_addresses: true }`).problems).toEqual([])
    const login = WEBHOOK.replace('https://', 'https://u:p@')
    expect(resolve(`{ ${login} }`).problems.join()).toContain('use "headers"')
  })
})

it('Slack has a URL', () => {
  const slack = WEBHOOK.replace('webhook', 'slack')
  expect(resolve(`{ ${slack} }`).transport).toEqual({ type: 'slack', url: 'https://hooks.example/x' })
})

describe('mail', () => {
  it.each([
    ['', 'starttls', 587],
    [', tls: implicit', 'implicit', 465],
    [', tls: none', 'none', 25],
    [', port: 2525', 'starttls', 2525],
  ])('with "%s" goes by %s to port %i', (more, tls, port) => {
    expect(resolve(`{ ${EMAIL}${more} }`).transport).toEqual({
      type: 'email',
      host: 'mx.example',
      port,
      tls,
      from: 'a@b.example',
      to: ['c@d.example'],
    })
  })

  it('has a login and several addresses', () => {
    const some = EMAIL.replace('to: c@d.example', 'to: ["C <c@d.example>", e@f.example]')
    expect(resolve(`{ ${some}, user: "\${U}", password: p }`, { U: 'u' }).transport).toMatchObject({
      login: { user: 'u', password: 'p' },
      to: ['C <c@d.example>', 'e@f.example'],
    })
  })

  it.each([
    ['user: u', 'notifications.0: "user" and "password" belong together'],
    ['password: p', 'notifications.0: "user" and "password" belong together'],
    ['user: u, password: p, tls: none', '"tls: none" would send the password in the clear'],
  ])('may not have %s', (more, problem) => {
    expect(resolve(`{ ${EMAIL}, ${more} }`).problems.join()).toContain(problem)
  })

  it.each(['nobody', 'a@b.example, c@d.example', 'a@b@c', '@b.example'])('has no address %j', (to) => {
    const wrong = EMAIL.replace('to: c@d.example', `to: [c@d.example, "${to}"]`)
    expect(resolve(`{ ${wrong} }`).problems).toEqual([
      expect.stringContaining('notifications.0.to.1: expected one mail address, alone or as NAME <ADDRESS>'),
    ])
  })
})

it('sinks are shown without their secrets', () => {
  const shown = showSinks(
    sinksOf(
      `{ ${WEBHOOK}, secret: canary, headers: { x-a: canary, x-b: "\${TOKEN}" } }`,
      `{ ${WEBHOOK.replace('name: hook', 'name: b').replace('"https://hooks.example/x"', '"${URL}"')} }`,
      `{ ${WEBHOOK.replace('name: hook', 'name: c').replace('hooks.example', '${HOST}')} }`,
      `{ ${EMAIL}, user: u, password: canary }`,
    ),
  )
  expect(shown).toMatchObject([
    {
      name: 'hook',
      url: 'https://hooks.example/***',
      secret: '***',
      headers: { 'x-a': '***', 'x-b': '${TOKEN}' },
    },
    { name: 'b', url: '${URL}' },
    { name: 'c', url: '***' },
    { name: 'mail', host: 'mx.example', user: 'u', password: '***' },
  ])
  expect(JSON.stringify(shown)).not.toContain('canary')
})
