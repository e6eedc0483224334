import { describe, expect, test } from 'vitest'
import { logSettings } from '../../../../job-image/commands/shared/log-options.ts'
import type { LogArgs } from '../../../../job-image/commands/shared/log-options.ts'
import { collectOutput } from '../../../support/run-command.ts'

const stdout = collectOutput()
const stderr = collectOutput()
const NONE: LogArgs = { logLevel: undefined, logFormat: undefined }

/** Level, format and output of a command. */
function settings(
  args: Partial<LogArgs> = {},
  env: Record<string, string> = {},
  { automatic = 'text', reserved = false }: { automatic?: 'json' | 'text'; reserved?: boolean } = {},
): string {
  const { level, format, output } = logSettings(
    { ...NONE, ...args },
    { env, stdout, stderr },
    { automatic, reserved },
  )
  return `${level} ${format} ${output === stdout ? 'stdout' : 'stderr'}`
}

describe('a log', () => {
  test('is of level info and the automatic format by default', () => {
    expect(settings()).toBe('info text stderr')
    expect(settings({}, {}, { automatic: 'json' })).toBe('info json stdout')
    expect(settings({ logFormat: 'auto' }, { LOG_FORMAT: 'json' })).toBe('info text stderr')
  })

  test('of JSON leaves stdout to a document of the command', () => {
    expect(settings({}, {}, { automatic: 'json', reserved: true })).toBe('info json stderr')
    expect(settings({}, {}, { reserved: true })).toBe('info text stderr')
  })

  test('has the settings of the variables, and those of the flags before them', () => {
    const env = { LOG_LEVEL: 'WARN', LOG_FORMAT: 'JSON' }
    expect(settings({}, env)).toBe('warn json stdout')
    expect(settings({ logLevel: 'debug', logFormat: 'text' }, env)).toBe('debug text stderr')
    expect(settings({}, { LOG_LEVEL: '', LOG_FORMAT: '' })).toBe('info text stderr')
  })

  test.each([
    [{ LOG_LEVEL: 'loud' }, 'LOG_LEVEL: expected debug, info, warn, error, found "loud"'],
    [{ LOG_FORMAT: 'xml' }, 'LOG_FORMAT: expected auto, json, text, found "xml"'],
  ])('with the variables %j is refused', (env, message) => {
    expect(() => settings({}, env)).toThrow(message)
  })
})
