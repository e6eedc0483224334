import { describe, expect, it } from 'vitest'
import { configDigest, loadConfig } from '../../../job-image/config/config.ts'
import { InputError } from '../../../job-image/errors.ts'
import { runOptionsFromConfig, timingFrom } from '../../../job-image/run/from-config.ts'
import type { CallerOptions } from '../../../job-image/run/from-config.ts'
import { createFolder } from '../../support/run-command.ts'

describe('timingFrom', () => {
  it('reads seconds, each with a default', () => {
    expect(timingFrom({})).toMatchObject({ heartbeat: 10_000, abandonAfter: 120_000, outage: 60_000 })
    const env = { RAPIDRMF_HEARTBEAT: '0.5', RAPIDRMF_ABANDON_AFTER: '86400', RAPIDRMF_OUTAGE: '0' }
    expect(timingFrom(env)).toMatchObject({ heartbeat: 500, abandonAfter: 86_400_000, outage: 0 })
  })

  it('reads durations with units', () => {
    const env = { RAPIDRMF_HEARTBEAT: '0.5s', RAPIDRMF_ABANDON_AFTER: '1d', RAPIDRMF_OUTAGE: 'PT5M' }
    expect(timingFrom(env)).toMatchObject({ heartbeat: 500, abandonAfter: 86_400_000, outage: 300_000 })
  })

  it.each([
    ['RAPIDRMF_OUTAGE', '1mo', 'from 0 to 86400'],
    ['RAPIDRMF_HEARTBEAT', '0', 'from 0.1 to 600'],
    ['RAPIDRMF_HEARTBEAT', '3000000', 'from 0.1 to 600'],
    ['RAPIDRMF_HEARTBEAT', '-1', 'from 0.1 to 600'],
    ['RAPIDRMF_HEARTBEAT', 'soon', 'from 0.1 to 600'],
    ['RAPIDRMF_ABANDON_AFTER', '0', 'from 0.2 to 86400'],
    ['RAPIDRMF_ABANDON_AFTER', '99999999999999', 'from 0.2 to 86400'],
    ['RAPIDRMF_OUTAGE', '1e3', 'from 0 to 86400'],
    ['RAPIDRMF_OUTAGE', '9'.repeat(400), 'from 0 to 86400'],
  ])('refuses %s=%s', (name, text, range) => {
    const read = (): unknown => timingFrom({ [name]: text })
    expect(read).toThrow(InputError)
    expect(read).toThrow(
      `${name}: expected a number of seconds or a text like 90s, 5m, 1h or 7d, ${range} seconds, found "${text}"`,
    )
  })

  it('refuses an abandon limit of less than two heartbeats', () => {
    expect(() => timingFrom({ RAPIDRMF_HEARTBEAT: '61' })).toThrow(/at least twice RAPIDRMF_HEARTBEAT/)
  })
})

describe('the options of a run', () => {
  const folder = createFolder()
  folder.write(
    'config.yaml',
    `environments:
  production: { database_url: postgresql://u@h/db }
catalogs:
  own: { framework: ISO 27001 }
incremental: true
notifications:
  - { name: ops, type: webhook, on: [errored], url: "https://ops.example/\${MISSING}" }
`,
  )
  const target = { config: 'config.yaml', env: 'production', databaseUrl: undefined }
  const caller: CallerOptions = { runKey: 'key', triggeredBy: 'cli' }
  const read = (changes: Partial<CallerOptions> = {}, env: Record<string, string> = {}) =>
    runOptionsFromConfig(target, { ...caller, ...changes }, { env, cwd: folder.path })

  it('are those of the configuration and the defaults, with those of the caller', () => {
    const config = loadConfig(`${folder.path}/config.yaml`, {})
    expect(read()).toMatchObject({
      runKey: 'key',
      triggeredBy: 'cli',
      databaseUrl: 'postgresql://u@h/db',
      environment: 'production',
      batchSize: 10,
      concurrency: 2,
      configurationDigest: configDigest(config, 'production'),
      frameworks: new Map([['own', 'ISO 27001']]),
      incremental: { fullEvery: { months: 0, seconds: 604_800 } },
      timing: { heartbeat: 10_000, abandonAfter: 120_000, outage: 60_000, poll: 500 },
    })
    expect(read().selection).toBeUndefined()
    const changed = read({ batchSize: 3, concurrency: 64, incremental: { incremental: false } })
    expect(changed).toMatchObject({ batchSize: 3, concurrency: 64 })
    expect(changed.incremental).toBeUndefined()
  })

  it('have the selection and the times of the variables', () => {
    const env = { SELECTION: '{"controls": {"include": ["AC-2"]}}', RAPIDRMF_OUTAGE: '1' }
    expect(read({}, env)).toMatchObject({
      selection: { controls: { include: ['AC-2'] } },
      timing: { outage: 1_000 },
    })
  })

  it('keep a sink that cannot be resolved, with its problem', () => {
    expect(read().notifications).toMatchObject([{ name: 'ops', transport: { type: 'unusable' } }])
  })

  it.each([
    [{ runKey: '' }, 'a run key has 1 to 255 characters; this one has 0'],
    [{ runKey: 'k'.repeat(256) }, 'this one has 256'],
    [{ concurrency: 0 }, 'concurrency: expected a whole number from 1 to 64, found 0'],
    [{ concurrency: 65 }, 'found 65'],
    [{ concurrency: 1.5 }, 'found 1.5'],
    [{ schedule: { uid: 'u', name: 'n', slotAt: 'soon' } }, 'schedule.slotAt: '],
  ])('are refused with %j', (changes, message) => {
    expect(() => read(changes)).toThrow(InputError)
    expect(() => read(changes)).toThrow(message)
  })

  it('accept a key of 255 characters', () => {
    expect(read({ runKey: 'k'.repeat(255) }).runKey).toHaveLength(255)
  })
})
