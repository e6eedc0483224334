import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createLogger } from '../../../../common/logging/logger.ts'
import { redactSecrets } from '../../../../common/logging/redact.ts'

function logged(
  write: (log: ReturnType<typeof createLogger>) => void,
  format: 'json' | 'text' = 'json',
): string {
  let text = ''
  write(createLogger({ write: (line) => (text += line) }, { level: 'debug', format }))
  return text
}

/** What a person may choose, and a URL can hold. */
const password = fc
  .string({ minLength: 8, maxLength: 20 })
  .map((text) => `Xq${text.replaceAll(/\s/gu, '_')}`)
  .filter((text) => text.length >= 8)

describe('the log', () => {
  it('holds no login of a URL, wherever it stands, and stays JSON', () => {
    fc.assert(
      fc.property(password, fc.constantFrom('postgresql', 'https', 'smtp+tls'), (secret, scheme) => {
        const url = `${scheme}://user:${secret}@host:1/name`
        const error = new Error(`lost ${url}`, { cause: new Error(url) })
        const text = logged((log) => {
          log.child({ from: url }).info({ list: [url], deep: { deeper: { url } } }, `going to ${url} now`)
          log.error({ err: error }, url)
        })
        const lines = text
          .trimEnd()
          .split('\n')
          .map((line) => JSON.parse(line) as Record<string, unknown>)
        expect(lines).toHaveLength(2)
        const values = JSON.stringify(lines)
        expect(values).not.toContain(JSON.stringify(secret).slice(1, -1))
        expect(lines[0]?.['msg']).toBe(`going to ${scheme}://***@host:1/name now`)
      }),
    )
  })

  it('holds no field that is named like a secret', () => {
    const fields = { password: 'hidden-1', deep: { token: 'hidden-2', deeper: { secret: 'hidden-3' } } }
    for (const format of ['json', 'text'] as const) {
      const text = logged((log) => log.info(fields, 'told'), format)
      expect(text).not.toContain('hidden')
      expect(text).toContain('***')
    }
  })

  it('is one line for people, with the time, the level and every field', () => {
    const text = logged((log) => log.warn({ run_id: 7, counts: { pass: 1 } }, 'told'), 'text')
    expect(text).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d WARN  told run_id=7 counts=\{"pass":1\}\n$/)
  })
})

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
