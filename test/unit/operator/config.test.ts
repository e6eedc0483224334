import { describe, expect, it } from 'vitest'
import { ConfigError, helpText, readConfig } from '../../../operator/config.ts'

it('takes flags before variables before defaults', () => {
  const env = { RAPIDRMF_IMAGE: 'from-env', RAPIDRMF_WORKERS: '3', POD_NAMESPACE: 'ops', RAPIDRMF_HOST: '' }
  expect(readConfig(['--image', 'from-flag', '--namespaces', 'a, b,'], env)).toEqual({
    image: 'from-flag',
    namespaces: ['a', 'b'],
    workers: 3,
    'lease-namespace': 'ops',
    'lease-name': 'rapidrmf-operator',
    port: 8080,
    'log-level': 'info',
    'notify-allow-private-addresses': false,
  })
})

it('cannot be changed afterwards', () => {
  expect(Object.isFrozen(readConfig(['--image', 'x'], {}))).toBe(true)
})

it('names everything that is wrong, by flag and variable', () => {
  const read = () =>
    readConfig(['--workers', 'many', '--port', '70000', '--namespaces', ',', '--image', 'a b'], {})
  expect(read).toThrow(ConfigError)
  for (const flag of ['--workers (RAPIDRMF_WORKERS)', '--port', '--namespaces', '--image'])
    expect(read).toThrow(flag)
})

it.each([
  [[], /--image \(RAPIDRMF_IMAGE\): is required/],
  [['--imgae', 'x'], /Unknown option '--imgae'/],
  [['--image', 'x', 'more'], /Unexpected argument 'more'/],
])('refuses %j', (argv, message) => {
  expect(() => readConfig(argv, {})).toThrow(message)
})

describe('the receiver of notices', () => {
  const read = (env: Record<string, string>, ...argv: string[]) => readConfig(['--image', 'x', ...argv], env)

  it('is there as soon as it has a URL', () => {
    const env = { NOTIFY_URL: 'https://hooks.example/canary', NOTIFY_SECRET: 's3cret' }
    expect(read(env)).toMatchObject({
      'notify-url': env.NOTIFY_URL,
      'notify-secret': 's3cret',
      'notify-allow-private-addresses': false,
    })
    const private_ = ['--notify-url', 'http://10.0.0.1/x', '--notify-allow-private-addresses', 'true']
    expect(read({}, ...private_)).toMatchObject({ 'notify-allow-private-addresses': true })
  })

  it.each([
    [{ NOTIFY_URL: 'canary' }, /--notify-url \(NOTIFY_URL\): expected a URL that begins with https/],
    [{ NOTIFY_URL: 'ftp://hooks.example/canary' }, /begins with https/],
    [{ NOTIFY_URL: 'http://hooks.example/canary' }, /http:\/\/ sends in the clear/],
    [{ NOTIFY_URL: 'https://canary:canary@hooks.example' }, /a login does not belong into the URL/],
    [{ NOTIFY_URL: 'https://hooks.example/canary\n' }, /holds a line break/],
    [{ NOTIFY_URL: 'https://hooks.example', NOTIFY_SECRET: 'canary\n' }, /NOTIFY_SECRET: holds a line break/],
    [{ NOTIFY_SECRET: 'canary' }, /NOTIFY_SECRET: is of no use without NOTIFY_URL/],
    [{ NOTIFY_ALLOW_PRIVATE_ADDRESSES: 'yes' }, /NOTIFY_ALLOW_PRIVATE_ADDRESSES\): Invalid option/],
  ])('is refused as %j, without showing it', (env, message) => {
    const refused = () => read(env)
    expect(refused).toThrow(message)
    expect(refused).not.toThrow(/canary/)
  })

  it('has no flag for its secret', () => {
    expect(() => read({}, '--notify-secret', 'x')).toThrow(/Unknown option '--notify-secret'/)
    expect(helpText()).toContain('NOTIFY_SECRET')
  })
})

it('explains itself', () => {
  expect(readConfig(['-h'], {})).toBe('help')
  expect(helpText()).toContain('--allowed-images')
})
