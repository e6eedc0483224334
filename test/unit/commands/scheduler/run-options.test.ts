import { describe, expect, test } from 'vitest'
import type { Selection } from '../../../../crds/selection.ts'
import { incrementalFrom, selectionFrom } from '../../../../job-image/commands/scheduler/run-options.ts'
import type { SelectionOptions } from '../../../../job-image/commands/scheduler/run-options.ts'

const NONE: SelectionOptions = {
  system: [],
  excludeSystem: [],
  systemLabel: [],
  control: [],
  excludeControl: [],
  family: [],
  baseline: [],
  framework: [],
  allowEmpty: false,
}

const selection = (options: Partial<SelectionOptions>) => selectionFrom({ ...NONE, ...options })

describe('the selection of a command line', () => {
  test.each<[Partial<SelectionOptions>, Selection | undefined]>([
    [{}, undefined],
    [{ system: ['a, b', 'c'] }, { systems: { include: ['a', 'b', 'c'] } }],
    [{ excludeSystem: ['a'] }, { systems: { exclude: ['a'] } }],
    [
      { systemLabel: ['tier=1', 'zone=eu=1,x=', 'tier=1'] },
      { systems: { matchLabels: { tier: '1', zone: 'eu=1', x: '' } } },
    ],
    [{ control: ['AC-2'] }, { controls: { include: ['AC-2'] } }],
    [{ excludeControl: ['AC-2'] }, { controls: { exclude: ['AC-2'] } }],
    [{ family: ['AC,AU'] }, { controls: { families: ['AC', 'AU'] } }],
    [{ baseline: ['low'] }, { controls: { baseline: 'low' } }],
    [{ framework: ['ism'] }, { controls: { framework: 'ism' } }],
    [{ allowEmpty: true }, { allowEmpty: true }],
    [
      { system: ['a'], family: ['AC'] },
      { systems: { include: ['a'] }, controls: { families: ['AC'] } },
    ],
  ])('%j is %j', (options, expected) => {
    expect(selection(options)).toEqual(expected)
    // A part that the flags do not name is left to other sources.
    expect(Object.keys(selection(options) ?? {})).toEqual(Object.keys(expected ?? {}))
  })

  test.each<[Partial<SelectionOptions>, string]>([
    [{ system: ['a,,b'] }, '--system: expected a value, and one between any two commas'],
    [{ excludeSystem: [''] }, '--exclude-system: expected a value'],
    [{ control: [' '] }, '--control: expected a value'],
    [{ excludeControl: ['a,'] }, '--exclude-control: expected a value'],
    [{ family: [','] }, '--family: expected a value'],
    [{ systemLabel: ['=1'] }, '--system-label: expected key=value, found "=1"'],
    [{ systemLabel: ['tier'] }, '--system-label: expected key=value, found "tier"'],
    [{ systemLabel: ['a=1', 'a=2'] }, '--system-label: a is given twice'],
    [{ baseline: ['low,high'] }, '--baseline: a run has one baseline; keep one of them'],
    [{ framework: ['a', 'b'] }, '--framework: a run has one framework; keep one of them'],
  ])('%j is refused: %s', (options, message) => {
    expect(() => selection(options)).toThrow(message)
  })
})

describe('the choice between a full and an incremental run', () => {
  const choose = (incremental: boolean, full: boolean, fullEvery?: string) =>
    incrementalFrom({ incremental, full, fullEvery })

  test('is left to the configuration without a flag', () => {
    expect(choose(false, false)).toEqual({ incremental: undefined, fullEvery: undefined })
    expect(choose(false, false, '1d')).toEqual({ incremental: undefined, fullEvery: '1d' })
  })

  test('is that of the flag, and not both', () => {
    expect(choose(true, false, '1d')).toEqual({ incremental: true, fullEvery: '1d' })
    expect(choose(false, true)).toEqual({ incremental: false, fullEvery: undefined })
    expect(() => choose(true, true)).toThrow('--incremental and --full are opposites; give one of them')
  })
})
