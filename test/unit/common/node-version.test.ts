import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'

it('runs on the Node that package.json pins, not on the machine’s own', () => {
  const { optionalDependencies } = JSON.parse(readFileSync('package.json', 'utf8')) as {
    optionalDependencies: Record<string, string>
  }
  expect(new Set(Object.values(optionalDependencies))).toEqual(new Set([process.versions.node]))
})
