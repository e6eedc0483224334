import { describe, expect, it } from 'vitest'
import { parseDocument as parseYaml } from 'yaml'
import { z } from 'zod'
import { parseDocument } from '../../job-image/document.ts'
import { MAX_NODES, repeatedKeys, resolveAliases } from '../../job-image/yaml-aliases.ts'

const parse = (text: string): unknown => parseDocument(text, 'file.yaml', z.unknown()).value

const numbers = (count: number): number[] => Array.from({ length: count }, (_, index) => index)

describe('aliases of a YAML file', () => {
  it('may be many that share one anchor', () => {
    const shared = numbers(101).map((n) => `  - {name: sys-${n}, evidence: *common}`)
    const text = ['systems:', '  - {name: first, evidence: &common [{type: audit-log}]}', ...shared].join(
      '\n',
    )
    const { systems } = parse(text) as { systems: { evidence: unknown }[] }
    expect(systems).toHaveLength(102)
    expect(systems.at(-1)).toEqual({ name: 'sys-100', evidence: [{ type: 'audit-log' }] })
  })

  it('may be merged into maps, and what a map says itself counts', () => {
    const merged = numbers(20_000).map((n) => `s${n}: {<<: *base, b: ${n}}`)
    const value = parse(['base: &base {a: 1, b: 2}', ...merged].join('\n')) as Record<string, unknown>
    expect(value['s19999']).toEqual({ a: 1, b: 19_999 })
  })

  it('mean the latest anchor before them', () => {
    expect(parse('[&a 1, *a, &a 2, *a]')).toEqual([1, 1, 2, 2])
  })

  const doubling = (entry: (level: number) => string): string =>
    ['a0: &a0 {x: 1}', ...numbers(40).map((n) => `a${n + 1}: &a${n + 1} ${entry(n)}`)].join('\n')

  it.each([
    ['lists', doubling((n) => `[*a${n}, *a${n}]`)],
    ['maps', doubling((n) => `{l: *a${n}, r: *a${n}}`)],
    ['merged maps', doubling((n) => `{<<: [*a${n}, *a${n}]}`)],
  ])('must not unfold to more than a computer can hold: %s', (_, text) => {
    expect(() => parse(text)).toThrow(/file\.yaml:41:\d+: the aliases .* stand for more than 2000000 values/)
  })

  it.each(['a: &a [*a]', 'a: &a {b: {c: *a}}', 'a: &a {<<: *a}'])(
    'must not stand inside of their anchor: %s',
    (text) => {
      expect(() => parse(text)).toThrow(/file\.yaml:1:\d+: an alias \(\*name\) inside of its own anchor/)
    },
  )

  it('need an anchor before them', () => {
    expect(() => parse('a: *b\nb: &b 1')).toThrow('file.yaml:1:4: an alias (*name) without its anchor')
  })

  it('place a problem where the shared value stands', () => {
    const schema = z.object({ one: z.unknown(), two: z.array(z.string()) })
    expect(() => parseDocument('one: &x\n  - 1\ntwo: *x', 'file.yaml', schema)).toThrow(
      'file.yaml:2:5: two.0: expected a text',
    )
  })
})

describe('the size of a document with its aliases replaced', () => {
  /** A list that is used `uses` times: 1 + uses × 1,657 nodes. */
  const problems = (uses: number): string[] => {
    const shared = `&a [${numbers(1_656).join()}]`
    const document = parseYaml(`[${shared}${', *a'.repeat(uses - 1)}]`)
    return resolveAliases(document).map(({ message }) => message)
  }

  it('may be two million nodes, and no more', () => {
    expect(1 + 1_207 * 1_657).toBe(MAX_NODES)
    expect(problems(1_207)).toEqual([])
    expect(problems(1_208)).toEqual([expect.stringContaining('stand for more than 2000000 values')])
  })

  it('counts keys as well as values', () => {
    // A map of 828 pairs has 1,657 nodes.
    const pairs = numbers(828).map((n) => `k${n}: 0`)
    const mapped = (uses: number): number =>
      resolveAliases(parseYaml(`[&a {${pairs.join()}}${', *a'.repeat(uses - 1)}]`)).length
    expect([mapped(1_207), mapped(1_208)]).toEqual([0, 1])
  })
})

it('keys that occur twice in one map are found where the second one is', () => {
  const text = 'a: 1\nb: {c: 1, c: 2, "c": 3}\na: 4\nc: 5\n'
  const places = repeatedKeys(parseYaml(text, { uniqueKeys: false }))
  expect(places).toEqual([text.indexOf('a: 4'), text.indexOf('c: 2'), text.indexOf('"c"')])
  expect(repeatedKeys(parseYaml('a: {b: 1}\nb: {b: 1}\n'))).toEqual([])
})
