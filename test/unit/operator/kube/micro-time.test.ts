import { expect, test } from 'vitest'
import { microTime } from '../../../../operator/kube/micro-time.ts'

test('has exactly six digits', () => {
  expect(microTime(new Date('2026-11-24T02:00:00.007Z'))).toBe('2026-11-24T02:00:00.007000Z')
})
