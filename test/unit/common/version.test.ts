import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { VERSION } from '../../../common/version.ts'

it('is the version of package.json, as npm shows it', () => {
  const text = readFileSync(join(import.meta.dirname, '../../../package.json'), 'utf8')
  expect(VERSION).toBe(/"version": "(\d+\.\d+\.\d+[^"]*)"/.exec(text)?.[1])
})
