import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, inject, it } from 'vitest'
import { parse } from 'yaml'
import type { ValidationScheduleStatus } from '../../crds/validation-schedule.ts'
import type { PlanInput } from '../../operator/plan/plan.ts'
import { DEFAULTS, input, schedule } from '../unit/operator/fixtures.ts'
import { carryOut } from '../unit/operator/simulation.ts'
import { CHART } from './chart.ts'

/** The health check in the README. */
function healthCheck(): string {
  const readme = readFileSync(join(CHART, 'README.md'), 'utf8')
  const [, yaml = ''] = /```yaml\n(data:\n {2}resource\.customizations[^`]*)```/.exec(readme) ?? []
  const { data } = parse(yaml) as { data: Record<string, string> }
  return data['resource.customizations.health.rapidrmf.io_ValidationSchedule'] ?? ''
}

const statusOf = (change: Partial<PlanInput>): ValidationScheduleStatus =>
  carryOut(input(change)).after.schedule.status

const NOT_ALLOWED = schedule({ job: { pod: { image: 'other' } } })
const well = statusOf({})

const lua = inject('lua')
const reason = 'missing' in lua ? ` (skipped: ${lua.missing})` : ''

describe.skipIf(reason !== '')(`the health check for Argo CD${reason}`, () => {
  it.each<
    [what: string, expected: string, status: ValidationScheduleStatus | undefined, generation?: number]
  >([
    ['ready', 'Healthy', well],
    ['suspended', 'Suspended', statusOf({ schedule: schedule({ suspend: true }) })],
    [
      'not allowed',
      'Degraded',
      statusOf({ schedule: NOT_ALLOWED, defaults: { ...DEFAULTS, allowedImages: [] } }),
    ],
    ['just made', 'Progressing', undefined],
    ['changed, and not looked at since', 'Progressing', well, 2],
    [
      'whose CronJob cannot be written now',
      'Progressing',
      {
        ...well,
        conditions: well.conditions?.map((one) => (one.type === 'Ready' ? { ...one, status: 'False' } : one)),
      },
    ],
  ])('of a schedule that is %s: %s', (_what, expected, status, generation = 1) => {
    if ('missing' in lua) throw new Error(lua.missing)
    const object = { metadata: { name: 'nightly', generation }, ...(status && { status }) }
    const program = `local obj = ${luaOf(object)}
      local function health()
        ${healthCheck()}
      end
      local found = health()
      assert(type(found.message) == "string")
      print(found.status)`
    expect(execFileSync(lua.program, ['-'], { input: program, encoding: 'utf8' }).trim()).toBe(expected)
  })
})

/** Formats a value as a Lua literal, because Argo CD passes the object as a Lua table. */
function luaOf(value: unknown): string {
  if (Array.isArray(value)) return `{${value.map(luaOf).join(', ')}}`
  if (typeof value === 'object' && value !== null) {
    const fields = Object.entries(value).filter(([, field]) => field !== undefined)
    return `{${fields.map(([name, field]) => `[${JSON.stringify(name)}] = ${luaOf(field)}`).join(', ')}}`
  }
  return JSON.stringify(value)
}
