import { ApiException } from '@kubernetes/client-node'
import { beforeAll, describe, expect, test } from 'vitest'
import { API_VERSION, GROUP, KIND, PLURAL, VERSION } from '../../../crds/validation-schedule.ts'
import type { ValidationSchedule, ValidationScheduleStatus } from '../../../crds/validation-schedule.ts'
import { installCrd } from '../../../scripts/control-plane/crd.ts'
import { describeWithCluster, useNamespace } from '../namespace.ts'
import { getAsTable } from '../table.ts'
import { ACCEPTED, LARGEST, REFUSED, SMALLEST } from './api-cases.ts'

describeWithCluster('the ValidationSchedule API on a real API server', () => {
  const here = useNamespace('api')
  const resource = () => ({ group: GROUP, version: VERSION, plural: PLURAL, namespace: here.name })
  beforeAll(async () => {
    await installCrd(here.admin)
  })

  async function write(name: string, spec: unknown): Promise<ValidationSchedule> {
    const body = { apiVersion: API_VERSION, kind: KIND, metadata: { name }, spec }
    // Strict is what kubectl asks for: an unknown field is an error and not silently dropped.
    return (await here.admin.custom.createNamespacedCustomObject({
      ...resource(),
      body,
      fieldValidation: 'Strict',
    })) as ValidationSchedule
  }

  /** Why it was refused, as kubectl shows it. */
  async function refusal(spec: unknown): Promise<string> {
    return messageOf(write('refused', spec))
  }

  async function messageOf(writing: Promise<unknown>): Promise<string> {
    const error: unknown = await writing.then(
      () => 'it was accepted',
      (thrown: unknown) => thrown,
    )
    if (!(error instanceof ApiException)) throw new Error(String(error))
    return (JSON.parse(String(error.body)) as { message: string }).message
  }

  test('the schema is structural, and no rule costs too much', async () => {
    const { status } = await installCrd(here.admin)
    const conditions = Object.fromEntries(
      (status?.conditions ?? []).map(({ type, status: is }) => [type, is]),
    )
    expect(conditions).toEqual({ NamesAccepted: 'True', Established: 'True' })
  })

  test('the smallest schedule is stored with its defaults', async () => {
    expect((await write('smallest', SMALLEST)).spec).toEqual({
      ...SMALLEST,
      timeZone: 'Etc/UTC',
      suspend: false,
      concurrencyPolicy: 'Forbid',
      startingDeadlineSeconds: 300,
      successfulJobsHistoryLimit: 3,
      failedJobsHistoryLimit: 3,
      incremental: false,
      fullEvery: '168h',
      job: { activeDeadlineSeconds: 14_400, backoffLimit: 2, parallelism: 1, pod: {} },
    })
  })

  test('a schedule that no operator has looked at says so, for programs that follow kstatus', async () => {
    const { metadata, status } = await write('fresh', SMALLEST)
    expect({ generation: metadata.generation, status }).toEqual({
      generation: 1,
      status: { observedGeneration: -1 },
    })
  })

  test('the largest one is stored as it is: nothing is pruned, nothing is added', async () => {
    expect((await write('largest', LARGEST)).spec).toEqual(LARGEST)
  })

  test.each([
    ['dots, 253 characters', `${'a.'.repeat(126)}b`],
    ['63 characters', 'n'.repeat(63)],
  ])('the name of the object may have %s', async (_, name) => {
    expect((await write(name, SMALLEST)).metadata.name).toBe(name)
  })

  test.each(ACCEPTED)('accepted: %s', async (name, change) => {
    await write(name.replaceAll(/[^a-z]+/gi, '-').toLowerCase(), { ...SMALLEST, ...change })
  })

  test.each(REFUSED)('refused: %s', async (_, change, message) => {
    expect(await refusal({ ...SMALLEST, ...change })).toContain(message)
  })

  test.each(['environment', 'schedule', 'config'])('%s is required', async (field) => {
    expect(await refusal({ ...SMALLEST, [field]: undefined })).toContain(`spec.${field}: Required value`)
  })

  test('one mistake is one complaint', async () => {
    const message = await refusal({ ...SMALLEST, schedule: '@daily' })
    expect(message).toBe(
      'ValidationSchedule.rapidrmf.io "refused" is invalid: spec.schedule: Invalid value: "@daily": ' +
        'descriptors such as @daily and @every are not supported; write five fields, such as "0 2 * * *"',
    )
  })

  describe('the status', () => {
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
    const change = async (name: string, next: object): Promise<ValidationSchedule> => {
      const current = (await here.admin.custom.getNamespacedCustomObject({ ...resource(), name })) as object
      return (await here.admin.custom.replaceNamespacedCustomObjectStatus({
        ...resource(),
        name,
        body: { ...current, ...next },
        fieldValidation: 'Strict',
      })) as ValidationSchedule
    }

    test('is a subresource that holds all of it, and leaves spec and generation alone', async () => {
      await write('full', SMALLEST)
      const { metadata, spec, status: stored } = await change('full', { status, spec: LARGEST })
      expect(stored).toEqual(status)
      expect({ generation: metadata.generation, schedule: spec.schedule }).toEqual({
        generation: 1,
        schedule: SMALLEST.schedule,
      })
    })

    test('is shown in columns without -o wide, a run to come as its time', async () => {
      await write('new', { ...SMALLEST, suspend: true, timeZone: 'Europe/Berlin' })
      const { columns, rows } = await getAsTable(
        here.cluster,
        `/apis/${API_VERSION}/namespaces/${here.name}/${PLURAL}`,
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
      // Nothing is suspended before there is a CronJob, whatever the spec says.
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
      await write('status', SMALLEST).catch(() => undefined)
      expect(await messageOf(change('status', { status: bad }))).toContain(message)
    })
  })
})
