import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createLogger } from '../../../../common/logging/logger.ts'

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
