import { describe, expect, it } from 'vitest'
import type { Selection } from '../../../crds/selection.ts'
import {
  checkSelection,
  mergeSelections,
  normalizeSelection,
  parseSelection,
} from '../../../job-image/selection/normalize.ts'
import { scopeOfSelection } from '../../../job-image/selection/scope.ts'

const digest = (selection: Selection): string | undefined =>
  scopeOfSelection(normalizeSelection(selection))?.digest

describe('a selection', () => {
  it('has one digest for all ways to say it', () => {
    const one = digest({
      systems: { include: ['b*', 'a*', 'b*'], matchLabels: { y: '1', x: '2' } },
      controls: { include: ['ac-2', 'ac-3(1)'], framework: 'NIST SP 800-53 Rev. 5', families: ['au'] },
    })
    expect(one).toMatch(/^[0-9a-f]{64}$/)
    expect(
      digest({
        controls: {
          framework: 'nist-800-53-rev5',
          families: ['AU', 'AU'],
          include: ['AC-3(01)', 'AC-02'],
          exclude: [],
        },
        systems: { matchLabels: { x: '2', y: '1' }, include: ['a*', 'b*'], matchExpressions: [] },
        allowEmpty: true,
      }),
    ).toBe(one)
  })

  it('has another digest when it means something else', () => {
    const all: Selection[] = [
      { systems: { include: ['a'] } },
      { systems: { exclude: ['a'] } },
      { controls: { include: ['a'] } },
      { systems: { matchLabels: { a: 'b' } } },
      { systems: { matchExpressions: [{ key: 'a', operator: 'In', values: ['b'] }] } },
      { systems: { matchExpressions: [{ key: 'a', operator: 'NotIn', values: ['b'] }] } },
      { controls: { baseline: 'low' } },
      { controls: { families: ['AC'] } },
      { controls: { include: ['AC-2'] } },
      { controls: { include: ['AC-2.1'] } },
      // An id of its own where a framework keeps zeros.
      { controls: { include: ['AC-02'] } },
      { controls: { include: ['AC-02'], framework: 'handbook' } },
      { controls: { include: ['AC-02'], framework: 'nist-800-53' } },
    ]
    expect(new Set(all.map(digest)).size).toBe(all.length)
  })

  it('that restricts nothing is none', () => {
    for (const nothing of [{}, { systems: {} }, { systems: { include: [] }, controls: { exclude: [] } }]) {
      expect(normalizeSelection(nothing)).toBeUndefined()
    }
    expect(scopeOfSelection(normalizeSelection({ allowEmpty: true }))).toBeUndefined()
  })

  it('is taken part by part from the first source that has the part', () => {
    expect(
      mergeSelections(
        undefined,
        { controls: { families: ['AC'] } },
        { systems: { include: ['a'] }, controls: { baseline: 'low' } },
        { systems: { include: ['b'] }, allowEmpty: true },
      ),
    ).toEqual({ systems: { include: ['a'] }, controls: { families: ['AC'] }, allowEmpty: true })
    expect(mergeSelections(undefined, undefined)).toBeUndefined()
    // An empty part is a part: it lifts what the other sources say.
    expect(mergeSelections({ systems: {} }, { systems: { include: ['a'] } })).toBeUndefined()
  })
})

describe('what cannot be a selection is refused with its place', () => {
  it.each([
    ['{"systems": {"include": "a"}}', 'SELECTION:1:14: systems.include: expected a list, found a text'],
    ['{"sytems": {}}', 'SELECTION:1:2: sytems: unknown key; did you mean "systems"?'],
    ['{"controls": {"familys": []}}', 'did you mean "families"?'],
    ['{"systems": {"matchExpressions": [{"key": "a", "operator": "In"}]}}', 'need at least one value'],
    [
      '{"systems": {"matchExpressions": [{"key": "a", "operator": "Exists", "values": ["b"]}]}}',
      'Exists and DoesNotExist have none',
    ],
    ['{"systems": {"matchExpressions": [{"key": "a", "operator": "Gt"}]}}', 'expected In or NotIn or Exists'],
    ['{"systems": ', 'SELECTION:1:'],
    ['[]', 'expected a map'],
    [JSON.stringify({ systems: { include: Array.from({ length: 101 }, () => 'a') } }), 'systems.include'],
    [JSON.stringify({ systems: { include: ['a'.repeat(256)] } }), 'systems.include.0'],
  ])('%s', (text, message) => {
    expect(() => parseSelection(text, 'SELECTION')).toThrow(message)
  })

  it('also from a program', () => {
    expect(() => checkSelection({ systems: { include: [1] } })).toThrow('selection.systems.include.0: ')
  })
})
