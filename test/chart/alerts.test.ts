import { execFile } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, describe, expect, inject, it } from 'vitest'
import { parse } from 'yaml'
import { CHART } from './chart.ts'
import type { Sample } from './exposition.ts'
import { WORLDS } from './worlds.ts'
import type { Name } from './worlds.ts'

const run = promisify(execFile)

const FILE = join(CHART, 'files/alerts.yaml')
const RUNBOOK = join(import.meta.dirname, '../../docs/operations.md')

type Rule = {
  readonly alert: string
  readonly expr: string
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
}

const RULES = (parse(readFileSync(FILE, 'utf8')) as { groups: { rules: Rule[] }[] }).groups.flatMap(
  ({ rules }) => rules,
)

/** A world and its duration in minutes. */
type Phase = readonly [world: Name, minutes: number]
type Firing = {
  readonly alert: string
  readonly labels: Readonly<Record<string, string>>
  readonly value?: string
}
/** The alerts that fire in a minute. */
type Expectation = readonly [minute: number, firing: readonly Firing[]]

const nightly = { namespace: 'compliance', name: 'nightly' }
const overdue: Firing = {
  alert: 'RapidRMFRunOverdue',
  labels: nightly,
  value: '2026-11-25 02:00:00 +0000 UTC',
}
const verdict = (alert: string, verdict: string): Firing => ({ alert, labels: { ...nightly, verdict } })

const CASES: readonly (readonly [
  what: string,
  phases: readonly Phase[],
  expected: readonly Expectation[],
])[] = [
  ['all is well', [['well', 60]], [[59, []]]],
  ['a schedule that has not run yet', [['never run', 60]], [[59, []]]],
  [
    'a run that did not start, then did',
    [
      ['well', 10],
      ['overdue', 20],
      ['made up for', 20],
    ],
    [
      [9, []],
      [11, []],
      [14, [overdue]],
      [29, [overdue]],
      [31, []],
    ],
  ],
  [
    'a run that did not start, and a change of leader',
    [
      ['well', 10],
      ['overdue', 10],
      ['overdue, led by another replica', 10],
    ],
    [
      [19, [overdue]],
      [21, [overdue]],
      [29, [overdue]],
    ],
  ],
  ['a suspended schedule whose slot has passed', [['suspended', 30]], [[29, []]]],
  [
    'a run that failed, then passed',
    [
      ['well', 10],
      ['errored', 10],
      ['well', 10],
    ],
    [
      [9, []],
      [12, [verdict('RapidRMFRunErrored', 'Errored')]],
      [21, []],
    ],
  ],
  [
    'a run whose outcome is lost',
    [
      ['unknown', 10],
      ['well', 10],
    ],
    [
      [5, [verdict('RapidRMFRunErrored', 'Unknown')]],
      [11, []],
    ],
  ],
  [
    'findings, an incomplete run, then all passed',
    [
      ['findings', 10],
      ['incomplete', 10],
      ['well', 10],
    ],
    [
      [5, [verdict('RapidRMFNotCompliant', 'Findings')]],
      [15, [verdict('RapidRMFNotCompliant', 'Incomplete')]],
      [21, []],
    ],
  ],
  [
    'a spec that is not allowed, then is',
    [
      ['well', 10],
      ['not allowed', 20],
      ['well', 10],
    ],
    [
      [9, []],
      [15, []],
      [25, [{ alert: 'RapidRMFScheduleNotReady', labels: nightly }]],
      [31, []],
    ],
  ],
  [
    'a schedule that never fires, then one that is suspended',
    [
      ['well', 10],
      ['never fires', 20],
      ['never fires, suspended', 10],
    ],
    [
      [9, []],
      [15, []],
      [25, [{ alert: 'RapidRMFScheduleNeverFires', labels: nightly }]],
      [31, []],
    ],
  ],
  [
    'a notification that could not be sent',
    [
      ['well', 10],
      ['a lost notification', 60],
    ],
    [
      [9, []],
      [12, [{ alert: 'RapidRMFNoticesLost', labels: {} }]],
      [30, [{ alert: 'RapidRMFNoticesLost', labels: {} }]],
      [45, []],
    ],
  ],
  [
    'a namespace that cannot be read, then can',
    [
      ['well', 10],
      ['a namespace refused', 20],
      ['well', 10],
    ],
    [
      [9, []],
      [15, []],
      [25, [{ alert: 'RapidRMFNamespaceUnreadable', labels: { namespace: 'team-b' } }]],
      [31, []],
    ],
  ],
  [
    'no replica that leads, then one',
    [
      ['well', 10],
      ['no leader', 10],
      ['well', 10],
    ],
    [
      [9, []],
      [12, []],
      [17, [{ alert: 'RapidRMFOperatorDown', labels: {} }]],
      [21, []],
    ],
  ],
  [
    'no operator at all, then one',
    [
      ['well', 10],
      ['operator gone', 20],
      ['well', 10],
    ],
    [
      [9, []],
      [29, [{ alert: 'RapidRMFOperatorDown', labels: {} }]],
      [31, []],
    ],
  ],
]

const promtool = inject('promtool')
const reason = 'missing' in promtool ? ` (skipped: ${promtool.missing})` : ''

describe.skipIf(reason !== '')(`the alerts${reason}`, () => {
  const folder = mkdtempSync(join(tmpdir(), 'rapidrmf-alerts-'))
  cpSync(FILE, join(folder, 'alerts.yaml'))
  afterAll(() => rmSync(folder, { recursive: true }))

  const ask = async (...args: string[]): Promise<string> => {
    if ('missing' in promtool) throw new Error(promtool.missing)
    const { stdout } = await run(promtool.program, args, { cwd: folder }).catch((error: unknown) => {
      const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string }
      throw new Error(`${stdout}${stderr}`, { cause: error })
    })
    return stdout
  }

  it('can be read by Prometheus', async () => {
    expect(await ask('check', 'rules', 'alerts.yaml')).toContain(`${RULES.length} rules found`)
  })

  it.each(CASES)('fire and clear: %s', async (_what, phases, expected) => {
    const test = {
      interval: '1m',
      input_series: await seriesOf(phases),
      alert_rule_test: expected.flatMap(([minute, firing]) =>
        RULES.map((rule) => ({
          eval_time: `${minute}m`,
          alertname: rule.alert,
          exp_alerts: firing
            .filter(({ alert }) => alert === rule.alert)
            .map((alert) => expectedAlert(rule, alert)),
        })),
      ),
    }
    const file = join(folder, `${phases.map(([world]) => world.replaceAll(/\W/g, '-')).join('_')}.json`)
    writeFileSync(
      file,
      JSON.stringify({ rule_files: ['alerts.yaml'], evaluation_interval: '1m', tests: [test] }),
    )
    expect(await ask('test', 'rules', file)).toContain('SUCCESS')
  })
})

describe('each alert', () => {
  const sections = [...readFileSync(RUNBOOK, 'utf8').matchAll(/^### (.*)$/gm)].map(([, title]) => title)

  it.each(RULES)('$alert is tested to fire', ({ alert }) => {
    const firing = CASES.flatMap(([, , expected]) => expected.flatMap(([, firing]) => firing))
    expect(firing.map((one) => one.alert)).toContain(alert)
  })

  it.each(RULES)('$alert has a severity, and a section in the runbook', ({ alert, labels, annotations }) => {
    expect(['critical', 'warning', 'info']).toContain(labels['severity'])
    expect(annotations['runbook']).toBe(`docs/operations.md#${alert.toLowerCase()}`)
    expect(sections).toContain(alert)
  })
})

/** Returns the series of consecutive worlds, with one value per minute; `stale`: not exposed. */
async function seriesOf(phases: readonly Phase[]): Promise<{ series: string; values: string }[]> {
  const worlds = await Promise.all(
    phases.map(async ([world, minutes]) => ({ samples: byName(await WORLDS[world]()), minutes })),
  )
  const names = new Set(worlds.flatMap(({ samples }) => [...samples.keys()]))
  return [...names].map((series) => ({
    series,
    values: worlds
      .flatMap(({ samples, minutes }) =>
        Array.from({ length: minutes }, () => samples.get(series) ?? 'stale'),
      )
      .join(' '),
  }))
}

/** Selects the operator's samples: no alert uses the many of Node. */
function byName(samples: readonly Sample[]): Map<string, string> {
  return new Map(
    samples
      .filter(({ metric }) => metric.startsWith('rapidrmf_'))
      .map(({ metric, labels, value }) => {
        const pairs = Object.entries(labels).map(([name, text]) => `${name}=${JSON.stringify(text)}`)
        return [`${metric}{${pairs.join(',')}}`, value]
      }),
  )
}

/** Fills the annotations in. A label that the alert does not have is replaced by an error text. */
function expectedAlert(rule: Rule, { labels, value = '' }: Firing) {
  const filled = (text: string): string =>
    text
      .replaceAll(/\{\{ \$labels\.(\w+) \}\}/g, (_, name: string) => labels[name] ?? 'no such label')
      .replaceAll('{{ $value | humanizeTimestamp }}', value)
  return {
    exp_labels: { ...labels, ...rule.labels },
    exp_annotations: Object.fromEntries(
      Object.entries(rule.annotations).map(([name, text]) => [name, filled(text)]),
    ),
  }
}
