import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { elementsOf, membersOf, MAX_DEPTH, presentable, withMembers } from '../../job-image/json-text.ts'

/** Any text, also with NUL, quotes, backslashes and half of a surrogate pair. */
const nastyText = fc.oneof(
  fc.constantFrom('', '\0', '\udce9', '"', '\\', '\\"', '}', '{"a":1}', 'withdrawn', '__proto__', 'toString'),
  fc.string({ unit: 'binary' }),
  fc.array(fc.nat(0xffff), { maxLength: 5 }).map((units) => String.fromCharCode(...units)),
)
const { value: nasty } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    nastyText,
    fc.constantFrom(null, true, false, 0, -1.5e300, 1e-7),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(nastyText, tie('value'), { maxKeys: 4 }),
  ),
}))
const indent = fc.constantFrom(undefined, 1, '\t')

/** JSON with every character of its strings that has one as an escape: what another encoder may write. */
const escaped = (json: string): string =>
  json.replaceAll(/[^\0-\x7f]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)

const nastyJson = fc
  .tuple(nasty, indent, fc.boolean())
  .map(([value, space, ascii]) =>
    ascii ? escaped(JSON.stringify(value, null, space)) : JSON.stringify(value, null, space),
  )

const parse = (json: string): unknown => JSON.parse(json)
const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
const deep = (levels: number): string => '['.repeat(levels) + ']'.repeat(levels)

describe('the parts of any JSON are those of JSON.parse', () => {
  it('members', () => {
    fc.assert(
      fc.property(nastyJson, (json) => {
        const value = parse(json)
        const expected = isObject(value) ? Object.entries(value) : []
        const found = [...membersOf(json)].map(([key, member]) => [key, parse(member)])
        expect(new Map(found as [string, unknown][])).toEqual(new Map(expected))
      }),
    )
  })

  it('elements', () => {
    fc.assert(
      fc.property(nastyJson, (json) => {
        const value = parse(json)
        expect(elementsOf(json).map(parse)).toEqual(Array.isArray(value) ? value : [])
      }),
    )
  })

  it('after an edit, the others are as they were', () => {
    const edits = fc.record({
      set: fc.dictionary(fc.oneof(nastyText, fc.constant('removed')), fc.boolean(), { maxKeys: 2 }),
      drop: fc.array(nastyText, { maxLength: 2 }),
    })
    fc.assert(
      fc.property(nastyJson, edits, (json, { set, drop }) => {
        const value = parse(json)
        const dropped = drop.filter((key) => !Object.hasOwn(set, key))
        const kept = Object.entries(isObject(value) ? value : {}).filter(([key]) => !dropped.includes(key))
        const edited = withMembers(json, { set, drop })
        expect(new Map(Object.entries(parse(edited) as object))).toEqual(
          new Map([...kept, ...Object.entries(set)]),
        )
      }),
    )
  })
})

describe('members', () => {
  it('stay the very text they are, of a doubled key the last', () => {
    const json = '{"a": 1.50, "big": 12345678901234567890, "a" : [1,\n 2] , "n":"\\u0000"}'
    expect([...membersOf(json)]).toEqual([
      ['a', '[1,\n 2]'],
      ['big', '12345678901234567890'],
      ['n', '"\\u0000"'],
    ])
    expect(withMembers(json, { set: { withdrawn: true }, drop: ['a'] })).toBe(
      '{"big": 12345678901234567890, "n":"\\u0000", "withdrawn": true}',
    )
  })

  it('of anything but an object are none', () => {
    for (const json of ['[{"a": 1}]', '"a"', 'null', '17', ' {} ', '{ }'])
      expect(membersOf(json).size).toBe(0)
    for (const json of ['{"a": [1]}', '"[1]"', 'null', ' [ ] ']) expect(elementsOf(json)).toEqual([])
    expect(withMembers('[1]', { set: { a: 1 } })).toBe('{"a": 1}')
  })

  it('are found beside any depth', () => {
    const json = `{"deep": ${deep(100_000)}, "withdrawn": true}`
    expect(membersOf(json).get('withdrawn')).toBe('true')
    expect(withMembers(json, { set: { withdrawn: false } })).toBe(
      `{"deep": ${deep(100_000)}, "withdrawn": false}`,
    )
  })
})

describe('a value that is shown', () => {
  it.each([0, 1, MAX_DEPTH])('is itself at %i levels', (levels) => {
    const value = levels === 0 ? 'text' : parse(deep(levels))
    expect(presentable(value, 'here')).toBe(value)
  })

  it.each([MAX_DEPTH + 1, 4500, 100_000])('is replaced at %i levels', (levels) => {
    const shown = presentable(parse(deep(levels)), 'job_runs row 7, column metrics')
    expect(JSON.stringify(shown)).toMatch(
      /^{"problem":"job_runs row 7, column metrics: nested more than 100 /,
    )
  })
})
