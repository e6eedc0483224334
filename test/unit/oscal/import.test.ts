import { expect, test } from 'vitest'
import { FRAMEWORK_SEPARATOR, nistBaselineName } from '../../../job-image/oscal/import.ts'
import { frameworkName } from '../../../job-image/rules/framework.ts'

test.each([
  ['nist-800-53-rev5', 'LOW', 'nist-800-53-rev5-low'],
  ['nist-800-53-rev4', 'Moderate', 'nist-800-53-rev4-moderate'],
  ['nist-800-53-rev5', 'privacy', 'nist-800-53-rev5-privacy'],
])('the baseline of %s at level %s is named %s', (framework, level, name) => {
  expect(nistBaselineName(framework, level)).toBe(name)
})

test('names of frameworks can be joined, because none contains the separator', () => {
  expect(FRAMEWORK_SEPARATOR).toBe(', ')
  expect(frameworkName('Handbook, second edition')).not.toContain(FRAMEWORK_SEPARATOR)
})
