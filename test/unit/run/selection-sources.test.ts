import { describe, expect, it } from 'vitest'
import { environmentOf, parseConfig } from '../../../job-image/config/config.ts'
import { InputError } from '../../../job-image/errors.ts'
import { selectionFor } from '../../../job-image/run/selection-sources.ts'
import type { Selection } from '../../../crds/selection.ts'

const YAML = `environments:
  production:
    selection: { systems: { include: [env-*] } }
  staging: {}
selection: { systems: { include: [file-*] }, controls: { include: [AC-2] } }
`
const config = parseConfig(YAML, 'config.yaml', {})
const choose = (environment: string, requested?: Selection, SELECTION?: string): Selection | undefined =>
  selectionFor(config, environmentOf(config, environment), requested, {
    env: SELECTION === undefined ? {} : { SELECTION },
  })

describe('each part of a selection comes from the first source that has it', () => {
  it('the file for an environment without one', () => {
    expect(choose('staging')).toEqual({ systems: { include: ['file-*'] }, controls: { include: ['AC-2'] } })
  })

  it('the environment before the file', () => {
    expect(choose('production')).toEqual({ systems: { include: ['env-*'] }, controls: { include: ['AC-2'] } })
  })

  it('the variable before the environment', () => {
    expect(choose('production', undefined, '{"systems": {"include": ["var-*"]}}')).toEqual({
      systems: { include: ['var-*'] },
      controls: { include: ['AC-2'] },
    })
    expect(choose('production', undefined, ' ')).toEqual(choose('production'))
  })

  it('the caller before the variable', () => {
    const requested = { systems: { include: ['flag-*'] }, allowEmpty: true }
    expect(choose('production', requested, '{"systems": {"include": ["var-*"]}}')).toEqual({
      systems: { include: ['flag-*'] },
      controls: { include: ['AC-2'] },
      allowEmpty: true,
    })
  })

  it('none, where no source has one', () => {
    const bare = parseConfig('environments: { production: {} }', 'config.yaml', {})
    expect(selectionFor(bare, environmentOf(bare, 'production'), undefined, { env: {} })).toBeUndefined()
  })
})

it('a bad variable is an input error that names it', () => {
  expect(() => choose('staging', undefined, '{"system": {}}')).toThrow(InputError)
  expect(() => choose('staging', undefined, '{"system": {}}')).toThrow(/SELECTION/)
})
