import { expect, it } from 'vitest'
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

it('explains itself', () => {
  expect(readConfig(['-h'], {})).toBe('help')
  expect(helpText()).toContain('--allowed-images')
})
