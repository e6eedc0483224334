import { expect, test } from 'vitest'
import { installCrd } from '../../../scripts/control-plane/crd.ts'
import { describeWithCluster } from '../namespace.ts'
import { useScheduleApi } from '../schedule-api.ts'
import { ACCEPTED, LARGEST, REFUSED, SMALLEST } from './api-cases.ts'

describeWithCluster('the ValidationSchedule API on a real API server', () => {
  const api = useScheduleApi('api')

  test('the schema is structural, and its rules are within the cost limit', async () => {
    const { status } = await installCrd(api.here.admin)
    const conditions = Object.fromEntries(
      (status?.conditions ?? []).map(({ type, status: is }) => [type, is]),
    )
    expect(conditions).toEqual({ NamesAccepted: 'True', Established: 'True' })
  })

  test('the smallest schedule is stored with its defaults', async () => {
    expect((await api.write('smallest', SMALLEST)).spec).toEqual({
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

  test('a new schedule is in progress for programs that follow kstatus', async () => {
    const { metadata, status } = await api.write('fresh', SMALLEST)
    expect({ generation: metadata.generation, status }).toEqual({
      generation: 1,
      status: { observedGeneration: -1 },
    })
  })

  test('the largest schedule is stored unchanged: no field is pruned or added', async () => {
    expect((await api.write('largest', LARGEST)).spec).toEqual(LARGEST)
  })

  test.each([
    ['dots, 253 characters', `${'a.'.repeat(126)}b`],
    ['63 characters', 'n'.repeat(63)],
  ])('the name of the object may have %s', async (_, name) => {
    expect((await api.write(name, SMALLEST)).metadata.name).toBe(name)
  })

  test.each(ACCEPTED)('accepted: %s', async (name, change) => {
    await api.write(name.replaceAll(/[^a-z]+/gi, '-').toLowerCase(), { ...SMALLEST, ...change })
  })

  test.each(REFUSED)('refused: %s', async (_, change, message) => {
    expect(await api.refusal({ ...SMALLEST, ...change })).toContain(message)
  })

  test.each(['environment', 'schedule', 'config'])('%s is required', async (field) => {
    expect(await api.refusal({ ...SMALLEST, [field]: undefined })).toContain(`spec.${field}: Required value`)
  })

  test('one mistake causes one error', async () => {
    const message = await api.refusal({ ...SMALLEST, schedule: '@daily' })
    expect(message).toBe(
      'ValidationSchedule.rapidrmf.io "refused" is invalid: spec.schedule: Invalid value: "@daily": ' +
        'descriptors such as @daily and @every are not supported; write five fields, such as "0 2 * * *"',
    )
  })
})
