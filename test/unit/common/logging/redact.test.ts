import { describe, expect, it } from 'vitest'
import { redactSecrets } from '../../../../common/logging/redact.ts'

describe('a text without secrets', () => {
  it.each([
    ['postgresql://u:p@ss@h/d', 'postgresql://***@h/d'],
    ['password=hidden host=h', 'password=*** host=h'],
    ['"password": "hid den", "x": 1', '"password": ***, "x": 1'],
    ["pwd='hid den' x", 'pwd=*** x'],
    ['?token=hidden&x=1', '?token=***&x=1'],
    ['GET /v1/token=hidden/x', 'GET /v1/token=***'],
    ['Authorization: Bearer aaaa.bbbb-cccc', 'Authorization: Bearer ***'],
    [
      '-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----',
      '-----BEGIN PRIVATE KEY-----***-----END PRIVATE KEY-----',
    ],
  ])('%s', (text, expected) => {
    expect(redactSecrets(text)).toBe(expected)
  })

  it.each([
    'duplicate key value violates unique constraint "ux": Key (a, b)=(1, 2) already exists.',
    'password authentication failed for user "job"',
    'see https://example.org/a=b',
    'cannot reach host h:5432',
    'check user and password of the database URL',
    'Basic authentication is refused',
    '/etc/passwd: not an OSCAL catalog',
    'expected postgresql://USER:PASSWORD@HOST:PORT/DATABASE',
  ])('stays as it is: %s', (text) => {
    expect(redactSecrets(text)).toBe(text)
  })

  // Work is counted in characters that a pattern looks at again: at ten times the length a quadratic search would need
  // minutes, and the test would not end.
  it.each([
    ['schemes', 'a.'],
    ['schemes without a login', 'a://'],
    ['names of secrets', 'token:'],
    ['quoted names of secrets', 'token="'],
    ['spaces after a name', 'token  '],
    ['private keys', '-----BEGIN PRIVATE KEY-----'],
  ])('takes linear time for many %s', (_, part) => {
    expect(redactSecrets(part.repeat(500_000)).length).toBeGreaterThan(0)
  })
})
