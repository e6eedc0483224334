import { describe, expect, it } from 'vitest'
import { internWithin, intern } from '../../../../operator/cache/intern.ts'

/** A text of its own in memory, as JSON.parse makes them. */
const parsed = (text: string): string => JSON.parse(JSON.stringify(text)) as string

describe('shared texts', () => {
  it('keep their value, also when more come by than are remembered', () => {
    const texts = Array.from({ length: 50_000 }, (_, index) => `system-${index}`)
    expect(texts.map((text) => intern(parsed(text)))).toEqual(texts)
  })

  it('are found in lists and objects of any depth, and nothing else is touched', () => {
    const value = { a: 'one', list: ['two', { b: 'three', none: null, count: 4, yes: true }], empty: {} }
    const same = internWithin(structuredClone(value))
    expect(same).toEqual(value)
  })
})
