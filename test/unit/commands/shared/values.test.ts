import { expect, test } from 'vitest'
import { choice, newName, text } from '../../../../job-image/commands/shared/values.ts'

test('a free value is shown under its name and taken as it is', async () => {
  const type = text('FILE')
  expect(type.displayName).toBe('FILE')
  expect(await type.from(' a b ')).toBe(' a b ')
})

test('a new name must be visible', async () => {
  expect(newName.displayName).toBe('NAME')
  expect(await newName.from('nightly é 😀')).toBe('nightly é 😀')
  for (const name of ['a\u200Bb', 'a\nb', 'a\u202Eb']) {
    await expect(newName.from(name)).rejects.toThrow(/^must not contain /)
  }
})

test('a choice is one of its literals, which are shown', async () => {
  const type = choice(['pass', 'fail'])
  expect(type.displayName).toBe('pass|fail')
  expect(await type.from('fail')).toBe('fail')
  await expect(type.from('Pass')).rejects.toThrow("'pass', 'fail'")
})
