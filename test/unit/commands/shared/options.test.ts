import { command, runSafely } from 'cmd-ts'
import { expect, test, vi } from 'vitest'
import {
  configOption,
  databaseEnvOption,
  databaseUrlOption,
  envOption,
  formatArgs,
  migrateFlag,
  readingArgs,
} from '../../../../job-image/commands/shared/options.ts'

const acting = command({
  name: 'acting',
  args: {
    config: configOption,
    env: envOption,
    databaseUrl: databaseUrlOption,
    migrate: migrateFlag,
    ...formatArgs,
  },
  handler: (args) => args,
})
const reading = command({ name: 'reading', args: readingArgs, handler: (args) => args })
const whole = command({ name: 'whole', args: { env: databaseEnvOption }, handler: (args) => args })

/** The options of a command line, or its error. */
async function read(of: Parameters<typeof runSafely>[0], ...argv: string[]): Promise<unknown> {
  const parsed = await runSafely(of, argv)
  return parsed._tag === 'ok' ? parsed.value : parsed.error.config.message
}

test('a command that acts works on production by default', async () => {
  expect(await read(acting)).toEqual({
    config: 'config.yaml',
    env: 'production',
    databaseUrl: undefined,
    migrate: false,
    json: false,
    wide: false,
  })
})

test('a command that reads, or works on a whole database, has no environment by default', async () => {
  expect(await read(reading)).toEqual({ config: 'config.yaml', env: undefined, databaseUrl: undefined })
  expect(await read(whole)).toEqual({ env: undefined })
})

test('every option has the value that it is given', async () => {
  const argv = [
    '--config',
    'c.yaml',
    '--env',
    'staging',
    '--database-url',
    'u',
    '--migrate',
    '--json',
    '-o',
    'wide',
  ]
  expect(await read(acting, ...argv)).toEqual({
    config: 'c.yaml',
    env: 'staging',
    databaseUrl: 'u',
    migrate: true,
    json: true,
    wide: true,
  })
  expect(await read(reading, '--env', 'staging')).toMatchObject({ env: 'staging' })
  expect(await read(whole, '--env', 'staging')).toEqual({ env: 'staging' })
})

test('RAPIDRMF_CONFIG names the configuration, below the flag; an empty variable is none', async () => {
  try {
    vi.stubEnv('RAPIDRMF_CONFIG', 'other.yaml')
    expect(await read(reading)).toMatchObject({ config: 'other.yaml' })
    expect(await read(reading, '--config', 'c.yaml')).toMatchObject({ config: 'c.yaml' })
    vi.stubEnv('RAPIDRMF_CONFIG', '')
    expect(await read(reading)).toMatchObject({ config: 'config.yaml' })
  } finally {
    vi.unstubAllEnvs()
  }
})

test('another output format is refused', async () => {
  expect(await read(acting, '-o', 'json')).toContain('expected wide, found "json"; --json prints JSON')
})
