import { describe, expect, it } from 'vitest'
import { notAllowed } from '../../../../../operator/plan/cron-job/allow-list.ts'
import { DEFAULTS, schedule } from '../../fixtures.ts'

const refusal = (image: string, allowedImages: readonly string[]) =>
  notAllowed(schedule({ job: { pod: { image } } }), { ...DEFAULTS, allowedImages })

describe('the allow-list of images', () => {
  it.each([
    ['registry.example/job:1', ['registry.example/*']],
    ['registry.example/job:1', ['*/job:*']],
    ['a', ['b', 'a']],
    ['odd?', ['odd?']],
  ])('has %s in %j', (image, allowed) => {
    expect(refusal(image, allowed)).toBeUndefined()
  })

  it.each([
    ['registry.example.org/job', ['registry.example/*']],
    ['job:12', ['job:1?']],
    ['job:1', ['job:?']],
    ['xjob', ['job']],
    ['job', []],
  ])('does not have %s in %j', (image, allowed) => {
    expect(refusal(image, allowed)).toMatch(/^spec\.job\.pod\.image: this operator allows/)
  })
})
