import { existsSync, readdirSync } from 'node:fs'
import { expect, test } from 'vitest'
import { assetPath, migrationsDirectory } from '../../job-image/assets.ts'

test('the files that come with the program are found in the sources', () => {
  for (const name of ['nist-800-53-rev5.rules.yaml', 'nist-800-53-rev5.index.json']) {
    expect(existsSync(assetPath(name))).toBe(true)
  }
})

test('the migrations are found in the sources', () => {
  expect(readdirSync(migrationsDirectory())).toContain('0001_shared-tables.sql')
})
