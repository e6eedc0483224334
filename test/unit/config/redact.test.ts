import { describe, expect, test } from 'vitest'
import { redact, redactDatabaseUrl } from '../../../job-image/config/redact.ts'

/** Every secret of these tests holds this word, so that no output may. */
const CANARY = 'canary'

describe('redact', () => {
  test.each([
    'password',
    'DB_PASS',
    'apiKey',
    'aws_secret_access_key',
    'authToken',
    'sas',
    'connectionString',
    'private',
  ])('the value of %s', (key) => {
    expect(redact({ [key]: 'x' })).toEqual({ [key]: '***' })
  })

  test.each(['bucket', 'author', 'region', 'compass', 'type'])('but not of %s', (key) => {
    expect(redact({ [key]: 'x', empty: null })).toEqual({ [key]: 'x', empty: null })
  })

  // Under harmless keys, as RapidRMF's own sections and storage may hold them.
  test.each([
    { policy: 'https://hooks.slack.com/services/T000/B000/canary' },
    { note: 'see https://discord.com/api/webhooks/123/canary now' },
    { bearer: 'canary' },
    { pin: 'canary', adminPin: 'canary' },
    { text: 'Bearer canary' },
    { header: 'Authorization: Bearer canary' },
    { header: 'Authorization: Basic canary' },
    { header: 'Authorization: canary' },
    { header: { name: 'Authorization', value: 'canary' } },
    { env: [{ name: 'GH_PAT', value: 'canary' }] },
    { env: { GH_PAT: 'canary', githubPat: 'canary' } },
    { cert: '-----BEGIN PRIVATE KEY-----\ncanary/+=\ncanary==\n-----END PRIVATE KEY-----' },
    { args: ['--password', 'canary', '--token=canary'] },
    { note: 'https://x.example/y?sig=canary&access_token=canary' },
    {
      note: 'ghp_canary0123456789, glpat-canary, xoxb-1-2-canary, eyJhbGciOiJIUzI1NiJ9.eyJjYW5hcnkiOjF9.canary',
    },
  ])('what has the form of a secret: %j', (value) => {
    expect(JSON.stringify(redact(value))).not.toContain(CANARY)
    expect(JSON.stringify(redact({ policy: [value] }))).not.toContain(CANARY)
  })

  test('and leaves the rest of a text as it is', () => {
    const note = 'Runs nightly: see https://wiki.example.com/compliance?page=2, ask the authority'
    expect(redact({ note, args: ['--verbose', 'x'], pair: { name: 'region', value: 'eu' } })).toEqual({
      note,
      args: ['--verbose', 'x'],
      pair: { name: 'region', value: 'eu' },
    })
  })

  test('ends on long texts that are made to be slow', () => {
    for (const piece of ['key-', 'http://hook/', 'bearer ', 'a.b=', 'eyJ.', ':', '${x:-']) {
      const text = piece.repeat(200_000 / piece.length)
      expect(typeof redact(text)).toBe('string')
    }
  })

  test('passwords in database URLs, whatever else they hold', () => {
    expect(redactDatabaseUrl('postgresql://:pw@h/d?password=x&host=/run')).toBe(
      'postgresql://:***@h/d?password=***&host=%2Frun',
    )
    expect(redactDatabaseUrl('postgresql://h/d')).toBe('postgresql://h/d')
  })
})
