import { describe, expect, it } from 'vitest'
import { InputError, InterruptedError } from '../../../job-image/errors.ts'
import { watchSchedule } from '../../../job-image/scheduler/scheduler.ts'
import type { Clock } from '../../../common/clock.ts'
import type { SchedulerObserver, SchedulerOptions } from '../../../job-image/scheduler/scheduler.ts'
import { createDatabase } from '../../support/database.ts'
import { startProxy } from '../../support/proxy.ts'
import { createFolder } from '../../support/run-command.ts'
import { seedWorld } from '../../support/world.ts'

const { client, url } = await createDatabase()
const SYSTEMS = 3
await seedWorld(client, { systems: SYSTEMS, controls: ['AC-1', 'AC-2'] })
const folder = createFolder()
folder.write('config.yaml', 'environments:\n  production: {}\n')

const START = Date.parse('2026-11-23T01:59:50Z')
const MINUTE = 60_000
const DAY = 24 * 60 * MINUTE

/** A clock that jumps ahead instead of sleeping, and on which a test may turn the hands. */
class FakeClock implements Clock {
  #now: number

  constructor(start = START) {
    this.#now = start
  }

  now(): number {
    return this.#now
  }

  date(): Date {
    return new Date(this.#now)
  }

  after(ms: number, run: () => void): () => void {
    this.#now += ms
    // Lets what else is going on have its turn.
    const turn = setImmediate(run)
    return () => clearImmediate(turn)
  }

  turn(ms: number): void {
    this.#now += ms
  }
}

type Told = readonly [what: string, ...slots: string[]]

/** Writes down what a scheduler does; `on` is told too and may stop it. */
function notebook(on: (told: Told) => void = () => {}): {
  readonly told: Told[]
  readonly observer: SchedulerObserver
} {
  const told: Told[] = []
  const write = (...entry: Told): void => {
    told.push(entry)
    on(entry)
  }
  const observer: SchedulerObserver = {
    next: (slot) => write('next', slot),
    skipped: (slots, reason) => write(/later slot/.test(reason) ? 'superseded' : 'late', ...slots),
    started: (slot) => {
      write('started', slot)
      return (event) => {
        if (event.type === 'retrying') write('retrying', slot)
      }
    },
    finished: (slot) => write('finished', slot),
    retrying: (slot, error, { retry, pause }) =>
      write('again', slot, error.message, String(retry), String(pause)),
    failed: (slot, error, why = '') => write('failed', slot, error.message, why),
    warned: (message) => write('warned', message),
    stopped: () => write('stopped'),
  }
  return { told, observer }
}

let schedules = 0
/** A time zone of its own makes each test's schedule another one in the database. */
const ZONES = [
  'Etc/UTC',
  'Europe/London',
  'Africa/Abidjan',
  'Atlantic/Reykjavik',
  'Africa/Accra',
  'Africa/Dakar',
  'Etc/GMT',
  'Etc/Zulu',
]

function options(
  changes: Partial<SchedulerOptions> & Pick<SchedulerOptions, 'observer' | 'signal'>,
): SchedulerOptions {
  return {
    config: 'config.yaml',
    env: 'production',
    databaseUrl: url,
    cron: '0 * * * *',
    timezone: ZONES[(schedules += 1)] ?? 'Etc/UTC',
    startingDeadline: 300,
    clock: new FakeClock(),
    ...changes,
  }
}

const io = {
  cwd: folder.path,
  env: { RAPIDRMF_OUTAGE: '1', RAPIDRMF_HEARTBEAT: '0.2', RAPIDRMF_ABANDON_AFTER: '1' },
}

/** Watches until `count` runs have finished; returns what was told. */
async function watchUntil(
  what: string,
  count: number,
  changes: Partial<SchedulerOptions> = {},
  on: (told: Told) => void = () => {},
): Promise<Told[]> {
  const stop = new AbortController()
  let seen = 0
  const { told, observer } = notebook((entry) => {
    on(entry)
    if (entry[0] === what && (seen += 1) === count) stop.abort()
  })
  await watchSchedule(options({ ...changes, observer, signal: stop.signal }), io)
  return told
}

const slotsOf = (told: readonly Told[], what: string): string[] =>
  told.flatMap(([kind, ...slots]) => (kind === what ? slots : []))

async function runsOf(zone: string): Promise<{ slot_at: string; status: string; results: number }[]> {
  const { rows } = await client.query<{ slot_at: string; status: string; results: number }>(
    `SELECT r.slot_at, r.status, (SELECT count(*)::int FROM validation_results v WHERE v.job_run_id = r.id) AS results
       FROM job_runs r WHERE r.schedule_uid LIKE '%|' || $1 ORDER BY r.slot_at`,
    [zone],
  )
  return rows
}

describe('a schedule in the foreground', () => {
  it('runs slot after slot', async () => {
    const told = await watchUntil('finished', 3)
    expect(slotsOf(told, 'finished')).toEqual([
      '2026-11-23T02:00:00Z',
      '2026-11-23T03:00:00Z',
      '2026-11-23T04:00:00Z',
    ])
    expect(told.at(-1)).toEqual(['stopped'])
  })

  it('watched by three at once: one run per slot, each result once', async () => {
    const timezone = 'Africa/Lome'
    await Promise.all([1, 2, 3].map(() => watchUntil('finished', 2, { timezone })))
    const once = { status: 'success', results: SYSTEMS * 2 }
    const runs = await runsOf(timezone)
    // Waiting for another's run moves the clock of the one that waits, so that it may skip a slot and end one later.
    expect(runs.length).toBeGreaterThanOrEqual(2)
    expect(runs).toEqual(runs.map((_, index) => ({ slot_at: `2026-11-23 0${2 + index}:00:00`, ...once })))
  })

  it('is refused before anything happens when cron, zone or environment are no good', async () => {
    const { observer } = notebook()
    const { signal } = new AbortController()
    for (const bad of [{ cron: '0 25 * * *' }, { timezone: 'Mars/Olympus' }, { env: 'prod' }]) {
      await expect(watchSchedule(options({ ...bad, observer, signal }), io)).rejects.toThrow(InputError)
    }
  })

  it('stopped in the middle of a run: interrupted', async () => {
    const stop = new AbortController()
    const { observer } = notebook(([what]) => {
      if (what === 'started') stop.abort()
    })
    const watched = watchSchedule(options({ observer, signal: stop.signal, timezone: 'Africa/Bamako' }), io)
    await expect(watched).rejects.toThrow(InterruptedError)
  })
})

describe('a clock that jumps', () => {
  it('forward past the deadline: every slot is reported as skipped, none is run late', async () => {
    const clock = new FakeClock()
    let turned = false
    const told = await watchUntil('finished', 1, { clock, cron: '0 */6 * * *' }, ([what]) => {
      if (what === 'next' && !turned) clock.turn(DAY + MINUTE * 30)
      turned = true
    })
    expect(slotsOf(told, 'superseded')).toEqual([
      '2026-11-23T06:00:00Z',
      '2026-11-23T12:00:00Z',
      '2026-11-23T18:00:00Z',
    ])
    expect(slotsOf(told, 'late')).toEqual(['2026-11-24T00:00:00Z'])
    expect(slotsOf(told, 'finished')).toEqual(['2026-11-24T06:00:00Z'])
  })

  it('forward within the deadline: the newest slot is run, older ones are reported', async () => {
    const clock = new FakeClock()
    let turned = false
    const told = await watchUntil('finished', 2, { clock, cron: '0 */6 * * *' }, ([what]) => {
      if (what === 'next' && !turned) clock.turn(DAY - 2 * 60 * MINUTE + MINUTE)
      turned = true
    })
    expect(slotsOf(told, 'superseded')).toHaveLength(3)
    expect(slotsOf(told, 'finished')).toEqual(['2026-11-24T00:00:00Z', '2026-11-24T06:00:00Z'])
  })

  it('backward: no slot is run twice', async () => {
    const clock = new FakeClock()
    let turned = false
    const told = await watchUntil('finished', 5, { clock, timezone: 'Africa/Banjul' }, ([what, slot]) => {
      if (turned || what !== 'finished' || slot?.startsWith('2026-11-23T03') !== true) return
      turned = true
      clock.turn(-3 * 60 * MINUTE)
    })
    const slots = ['02', '03', '01', '02', '03'].map((hour) => `2026-11-23T${hour}:00:00Z`)
    expect(slotsOf(told, 'next')).toEqual([...slots.slice(0, 2), '2026-11-23T04:00:00Z', ...slots.slice(2)])
    expect(slotsOf(told, 'finished')).toEqual(slots)
    expect((await runsOf('Africa/Banjul')).map(({ results }) => results)).toEqual([6, 6, 6])
  })

  it('years ahead for one look: the next slot is the one after the time it is, and the jump is reported', async () => {
    const clock = new FakeClock()
    const years = 3 * 365 * DAY + 20_000
    let looks = 0
    const told = await watchUntil('finished', 2, { clock, timezone: 'Africa/Bamako' }, ([what]) => {
      if (what === 'next' && (looks += 1) === 1) clock.turn(years)
      if (what === 'finished' && looks === 1) clock.turn(-years)
    })
    expect(slotsOf(told, 'finished')).toEqual(['2029-11-22T02:00:00Z', '2026-11-23T02:00:00Z'])
    expect(slotsOf(told, 'warned')).toEqual([
      'the clock went back from 2029-11-22T02:00:00Z or later to 2026-11-23T01:59:50Z; the next slot is the one after that',
    ])
  })

  it('backward while it waits for a slot: what it waits for is counted anew', async () => {
    const clock = new FakeClock()
    let turned = false
    const told = await watchUntil('finished', 1, { clock, timezone: 'Africa/Conakry' }, ([what]) => {
      if (what === 'next' && !turned) clock.turn(-30 * DAY)
      turned = true
    })
    expect(slotsOf(told, 'next')).toEqual(['2026-11-23T02:00:00Z', '2026-10-24T02:00:00Z'])
    expect(slotsOf(told, 'finished')).toEqual(['2026-10-24T02:00:00Z'])
  })
})

describe('a database that is away', () => {
  it('at a slot, back within the deadline: the slot is run', async () => {
    const proxy = await startProxy(Number(new URL(url).port))
    proxy.cut()
    let retries = 0
    const told = await watchUntil(
      'finished',
      1,
      { databaseUrl: proxy.through(url), timezone: 'Africa/Bissau' },
      ([what]) => {
        if (what === 'retrying' && (retries += 1) === 2) proxy.restore()
      },
    )
    expect(slotsOf(told, 'finished')).toEqual(['2026-11-23T02:00:00Z'])
    expect((await runsOf('Africa/Bissau')).map(({ status }) => status)).toEqual(['success'])
  })

  it('for longer than the deadline: the slot fails, the next one is run', async () => {
    const proxy = await startProxy(Number(new URL(url).port))
    proxy.cut()
    const told = await watchUntil(
      'finished',
      1,
      { databaseUrl: proxy.through(url), timezone: 'Africa/Conakry', startingDeadline: 1 },
      ([what]) => {
        if (what === 'failed') proxy.restore()
      },
    )
    expect(slotsOf(told, 'failed')[0]).toBe('2026-11-23T02:00:00Z')
    expect(slotsOf(told, 'finished')).toEqual(['2026-11-23T03:00:00Z'])
  })
})

describe('a slot whose run breaks', () => {
  folder.write(
    'retries.yaml',
    'environments: { production: }\nscheduler: { retries: 2, retry_delay: 1m, retry_backoff: 3 }\n',
  )

  /** The first `times` attempts of the schedule break, in a way that no session tries again. */
  async function broken<T>(times: number, zone: string, work: () => Promise<T>): Promise<T> {
    await client.query(
      `CREATE FUNCTION break() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
         IF (SELECT count(*) FROM job_run_attempts a JOIN job_runs r ON r.id = a.job_run_id
              WHERE r.schedule_uid LIKE '%|${zone}') <= ${times} THEN
           RAISE 'broken on purpose' USING ERRCODE = '57014';
         END IF;
         RETURN NULL;
       END $$;
       CREATE TRIGGER break AFTER INSERT ON validation_results FOR EACH STATEMENT EXECUTE FUNCTION break()`,
    )
    try {
      return await work()
    } finally {
      await client.query('DROP FUNCTION break CASCADE')
    }
  }

  async function attemptsOf(zone: string): Promise<string[]> {
    const { rows } = await client.query<{ outcome: string; error: string | null }>(
      `SELECT a.outcome, a.error FROM job_run_attempts a JOIN job_runs r ON r.id = a.job_run_id
        WHERE r.schedule_uid LIKE '%|' || $1 ORDER BY r.id, a.attempt`,
      [zone],
    )
    return rows.map(({ outcome, error }) => [outcome, error].filter((each) => each !== null).join(' '))
  }

  const FAILED = 'failed failed: broken on purpose'

  it('is tried again with growing pauses, as the same run, until it is through', async () => {
    const clock = new FakeClock()
    const starts: number[] = []
    const timezone = 'Africa/Nouakchott'
    const told = await broken(2, timezone, () =>
      watchUntil('finished', 1, { config: 'retries.yaml', clock, timezone }, ([what]) => {
        if (what === 'started') starts.push(clock.now())
      }),
    )
    const slot = '2026-11-23T02:00:00Z'
    expect(told.filter(([what]) => what === 'again')).toEqual([
      ['again', slot, 'broken on purpose', '1', '60'],
      ['again', slot, 'broken on purpose', '2', '180'],
    ])
    expect(starts.map((at) => (at - Date.parse(slot)) / 1000)).toEqual([0, 60, 240])
    expect(await runsOf(timezone)).toEqual([
      { slot_at: '2026-11-23 02:00:00', status: 'success', results: SYSTEMS * 2 },
    ])
    expect(await attemptsOf(timezone)).toEqual([FAILED, FAILED, 'success'])
  })

  it('is given up when its retries are used up; the next slot has its own', async () => {
    const timezone = 'Africa/Ouagadougou'
    const told = await broken(4, timezone, () =>
      watchUntil('finished', 1, { config: 'retries.yaml', timezone }),
    )
    expect(told.filter(([what]) => what === 'failed' || what === 'finished')).toEqual([
      ['failed', '2026-11-23T02:00:00Z', 'broken on purpose', ''],
      ['finished', '2026-11-23T03:00:00Z'],
    ])
    expect(await attemptsOf(timezone)).toEqual([FAILED, FAILED, FAILED, FAILED, 'success'])
  })

  it('is not tried again by default', async () => {
    const timezone = 'Africa/Sao_Tome'
    await broken(1, timezone, () => watchUntil('failed', 1, { timezone }))
    expect(await attemptsOf(timezone)).toEqual([FAILED])
  })

  it('is not tried again once the next slot is due', async () => {
    const timezone = 'America/Danmarkshavn'
    const changes = { config: 'retries.yaml', timezone, cron: '*/2 * * * *' }
    const told = await broken(3, timezone, () => watchUntil('finished', 1, changes))
    expect(told.filter(([what]) => ['again', 'failed', 'finished'].includes(what))).toEqual([
      ['again', '2026-11-23T02:00:00Z', 'broken on purpose', '1', '60'],
      ['failed', '2026-11-23T02:00:00Z', 'broken on purpose', expect.stringMatching(/next slot is due/)],
      ['again', '2026-11-23T02:02:00Z', 'broken on purpose', '1', '60'],
      ['finished', '2026-11-23T02:02:00Z'],
    ])
  })

  it('is not tried again after what only a person can mend', async () => {
    const text = 'environments: { production: }\nscheduler: { retries: 9 }\n'
    folder.write('mended.yaml', text)
    const told = await watchUntil(
      'failed',
      1,
      { config: 'mended.yaml', timezone: 'Etc/Greenwich' },
      ([what]) => {
        if (what === 'next') folder.write('mended.yaml', `${text}misspelt: 1\n`)
      },
    )
    expect(told.find(([what]) => what === 'failed')).toEqual([
      'failed',
      '2026-11-23T02:00:00Z',
      expect.stringMatching(/mended\.yaml:3:1: .*misspelt/),
      '',
    ])
    expect(slotsOf(told, 'again')).toEqual([])
  })

  it('stopped while it waits to be tried again: interrupted', async () => {
    const stop = new AbortController()
    const { observer } = notebook(([what]) => {
      if (what === 'again') stop.abort()
    })
    const timezone = 'Etc/GMT0'
    const changes = { observer, signal: stop.signal, config: 'retries.yaml', timezone }
    await broken(9, timezone, () =>
      expect(watchSchedule(options(changes), io)).rejects.toThrow(InterruptedError),
    )
  })
})
