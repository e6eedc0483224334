import { describe, expect, expectTypeOf, test } from 'vitest'
import { z } from 'zod'
import { runCountsSchema } from '../../../crds/run-summary.ts'
import type { RunCounts } from '../../../crds/run-summary.ts'
import {
  conditionTypes,
  conditions,
  events,
  runVerdicts,
  scheduleSpecSchema,
  validationScheduleSchema,
  verdictMeanings,
} from '../../../crds/validation-schedule.ts'
import type {
  ConditionReason,
  FinishedRun,
  RecentRun,
  RunVerdict,
  ValidationScheduleSpec,
} from '../../../crds/validation-schedule.ts'

const SMALLEST = {
  environment: 'production',
  schedule: '0 2 * * *',
  config: { configMapKeyRef: { name: 'rapidrmf', key: 'config.yaml' } },
}

describe('the spec', () => {
  test('the smallest one has the defaults of the API', () => {
    expect(scheduleSpecSchema.parse(SMALLEST)).toEqual({
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

  test.each([
    ['environment', { environment: '' }],
    ['environment', { environment: undefined }],
    ['schedule', { schedule: undefined }],
    ['config', { config: undefined }],
    ['startingDeadlineSeconds', { startingDeadlineSeconds: 9 }],
    ['successfulJobsHistoryLimit', { successfulJobsHistoryLimit: 0 }],
    ['failedJobsHistoryLimit', { failedJobsHistoryLimit: 11 }],
    ['concurrencyPolicy', { concurrencyPolicy: 'Allow' }],
    ['job.backoffLimit', { job: { backoffLimit: -1 } }],
  ])('%s is refused in %j', (path, change) => {
    const { error } = scheduleSpecSchema.safeParse({ ...SMALLEST, ...change })
    expect(error?.issues.map((issue) => issue.path.join('.'))).toEqual([path])
  })

  test('parts of Kubernetes are handed through below their first level', () => {
    const pod = {
      volumes: [{ name: 'packs', configMap: { name: 'packs', items: [{ key: 'a', path: 'b' }] } }],
      affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { deep: [1] } } },
      resources: { limits: { cpu: 2, memory: '1Gi' } },
    }
    expect(scheduleSpecSchema.parse({ ...SMALLEST, job: { pod } }).job.pod).toEqual(pod)
  })
})

test('types: defaults are there for whoever reads, and what may be missing says so', () => {
  expectTypeOf<ValidationScheduleSpec['timeZone']>().toEqualTypeOf<string>()
  expectTypeOf<ValidationScheduleSpec['job']['backoffLimit']>().toEqualTypeOf<number>()
  expectTypeOf<ValidationScheduleSpec['concurrencyPolicy']>().toEqualTypeOf<'Forbid' | 'Replace'>()
  expectTypeOf<FinishedRun['counts']>().toEqualTypeOf<RunCounts | undefined>()
  expectTypeOf<RecentRun['verdict']>().toEqualTypeOf<RunVerdict>()
  expectTypeOf<ConditionReason<'Stalled'>>().toEqualTypeOf<
    'InvalidSpec' | 'NotAllowed' | 'Conflict' | 'ConflictingWriter' | 'Forbidden' | 'NotStalled'
  >()
})

test("the counts of a status are those of a run's summary", () => {
  const { status } = validationScheduleSchema.shape
  const counts = status.unwrap().shape.lastRun.unwrap().shape.counts.unwrap()
  expect(Object.keys(counts.shape)).toEqual(Object.keys(runCountsSchema.shape))
})

test('every reason is a word that metav1.Condition takes, and every name has a meaning', () => {
  expect(conditionTypes).toEqual(['Accepted', 'Ready', 'Stalled', 'RunSucceeded', 'Compliant'])
  const reasons = Object.values(conditions).flatMap((condition) => Object.entries(condition.reasons))
  for (const [name, meaning] of [...reasons, ...Object.entries(verdictMeanings)]) {
    expect(name).toMatch(/^[A-Z][A-Za-z]+$/)
    expect(meaning).not.toBe('')
  }
  expect(Object.keys(verdictMeanings)).toEqual([...runVerdicts])
  expect(Object.keys(events)).toContain('SlotSkipped')
})

test('every field of ours is explained', () => {
  const unexplained = (schema: z.core.JSONSchema.BaseSchema, path: string): string[] =>
    Object.entries(schema.properties ?? {}).flatMap(([name, member]) => {
      const field = member as z.core.JSONSchema.BaseSchema
      const own = field.description === undefined ? [`${path}.${name}`] : []
      // Below spec.job.pod the fields are Kubernetes'.
      return path.endsWith('.pod') ? own : [...own, ...unexplained(field, `${path}.${name}`)]
    })
  expect(unexplained(z.toJSONSchema(validationScheduleSchema, { io: 'input' }), '')).toEqual([])
})
