import { describe, expect, it } from 'vitest'
import { scheduleMetrics } from '../../../../operator/metrics/schedule-metrics.ts'
import { NOW, endedPod, ended, input, job, schedule, summary } from '../fixtures.ts'
import { carryOut } from '../simulation.ts'

describe('the metrics of a schedule', () => {
  const values = (text: string) =>
    Object.fromEntries(
      text
        .split('\n')
        .filter((line) => line !== '' && !line.startsWith('#'))
        .map((line) => {
          const space = line.lastIndexOf(' ')
          return [line.slice('rapidrmf_schedule_'.length, space), Number(line.slice(space + 1))]
        }),
    )

  it('are all there before its first run', () => {
    const text = [...scheduleMetrics([schedule()], () => 0)].join('')
    const found = values(text)
    expect(Object.keys(found)).toHaveLength(21)
    expect(new Set(Object.values(found))).toEqual(new Set([0]))
    expect(text).toContain('# TYPE rapidrmf_schedule_suspended gauge')
  })

  it('tell of its last run', () => {
    const world = input({ jobs: [job('1', ended())], pods: [endedPod('1', summary('1'))] })
    const found = values([...scheduleMetrics([carryOut(world).after.schedule], () => NOW)].join(''))
    const of = 'namespace="compliance",name="nightly"'
    expect(found).toMatchObject({
      [`ready{${of}}`]: 1,
      [`last_run_timestamp_seconds{${of}}`]: NOW / 1000 - 3000,
      [`last_run_duration_seconds{${of}}`]: 600,
      [`last_run_verdict{${of},verdict="Findings"}`]: 1,
      [`last_run_verdict{${of},verdict="Passed"}`]: 0,
      [`last_run_results{${of},status="insufficient_evidence"}`]: 2,
      [`last_slot_timestamp_seconds{${of}}`]: NOW / 1000 - 3600,
      [`expected_slot_timestamp_seconds{${of}}`]: NOW / 1000,
    })
  })
})
