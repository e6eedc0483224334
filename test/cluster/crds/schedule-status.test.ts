import { expect, test } from 'vitest'
import { API_VERSION, PLURAL } from '../../../crds/validation-schedule.ts'
import type { ValidationScheduleStatus } from '../../../crds/validation-schedule.ts'
import { describeWithCluster } from '../namespace.ts'
import { useScheduleApi } from '../schedule-api.ts'
import { LARGEST, SMALLEST } from '../suite/api-cases.ts'
import { getAsTable } from '../table.ts'

describeWithCluster('the status of a schedule', () => {
  const api = useScheduleApi('schedule-status')
  const run = {
    jobUID: '5b0c',
    job: 'full-29400000',
    trigger: 'Schedule',
    scheduledTime: '2026-11-23T02:00:00Z',
    runId: '1207',
    startTime: '2026-11-23T02:00:01Z',
    completionTime: '2026-11-23T02:01:00Z',
    verdict: 'Findings',
    reason: 'ControlsNotPassed',
  } as const
  const counts = {
    systems: 2,
    controls: 10,
    results: 20,
    pass: 17,
    notPass: 3,
    fail: 1,
    insufficientEvidence: 1,
    unknown: 1,
    errors: 0,
  }
  const status: ValidationScheduleStatus = {
    observedGeneration: 1,
    conditions: [
      {
        type: 'Accepted',
        status: 'True',
        observedGeneration: 1,
        reason: 'Valid',
        message: '',
        lastTransitionTime: '2026-11-23T02:01:00Z',
      },
      {
        type: 'Ready',
        status: 'False',
        observedGeneration: 1,
        reason: 'InvalidSpec',
        message: 'there is no CronJob',
        lastTransitionTime: '2026-11-23T02:01:00Z',
      },
    ],
    cronJobName: 'full-3f9a1c2b',
    cronJob: {
      uid: 'u'.repeat(36),
      suspended: false,
      sentHash: 's'.repeat(32),
      storedHash: 't'.repeat(32),
      slotsHash: 'l'.repeat(32),
      slotsSince: '2026-11-24T02:00:00Z',
    },
    conflictingWriter: {
      fieldManager: 'kubectl-edit',
      repairs: 3,
      lastRepairTime: '2026-11-24T02:00:00Z',
    },
    nextScheduleTime: '2099-11-24T02:00:00Z',
    lastScheduleTime: '2026-11-23T02:00:00Z',
    active: [{ jobUID: '77', job: 'full-m1', trigger: 'Manual', reason: 'Queued', message: 'waits' }],
    lastRun: { ...run, message: 'm'.repeat(40_000), late: true, counts },
    lastCompletedTime: '2026-11-23T02:01:00Z',
    lastPassedTime: '2026-11-22T02:01:00Z',
    recentRuns: [{ ...run, pass: 17, notPass: 3 }],
    lastHandledRunRequest: 't'.repeat(70_000),
  }
  test('is a subresource that stores all its fields, and changes neither spec nor generation', async () => {
    await api.write('full', SMALLEST)
    const { metadata, spec, status: stored } = await api.writeStatus('full', { status, spec: LARGEST })
    expect(stored).toEqual(status)
    expect({ generation: metadata.generation, schedule: spec.schedule }).toEqual({
      generation: 1,
      schedule: SMALLEST.schedule,
    })
  })

  test('is shown in columns without -o wide, with the time of the next run', async () => {
    await api.write('new', { ...SMALLEST, suspend: true, timeZone: 'Europe/Berlin' })
    const { columns, rows } = await getAsTable(
      api.here.cluster,
      `/apis/${API_VERSION}/namespaces/${api.here.name}/${PLURAL}`,
    )
    expect(columns).toEqual([
      'Name',
      'Schedule',
      'Zone',
      'Suspended',
      'Ready',
      'Reason',
      'Last-Run',
      'Verdict',
      'Pass',
      'Not-Pass',
      'Next-Run',
      'Age',
    ])
    const cells = (name: string) => rows.find((row) => row[0] === name)?.slice(1, -1)
    expect(cells('full')).toEqual([
      '0 2 * * *',
      'Etc/UTC',
      false,
      'False',
      'InvalidSpec',
      expect.stringMatching(/^\d+[smhdy]/),
      'Findings',
      17,
      3,
      '2099-11-24T02:00:00Z',
    ])
    // Before there is a CronJob the schedule is not suspended, whatever the spec says.
    expect(cells('new')?.slice(0, 5)).toEqual(['0 2 * * *', 'Europe/Berlin', null, null, null])
  })

  test.each([
    [
      { lastRun: { ...run, verdict: 'Good', message: '', late: false } },
      'supported values: "Passed", "Findings"',
    ],
    [{ nextScheduleTime: 'tomorrow' }, 'must be of type date-time'],
    [
      { conditions: [status.conditions?.[0], status.conditions?.[0]] },
      'status.conditions[1]: Duplicate value',
    ],
  ])('refused: %#', async (bad, message) => {
    await api.write('status', SMALLEST).catch(() => undefined)
    expect(await api.messageOf(api.writeStatus('status', { status: bad }))).toContain(message)
  })
})
