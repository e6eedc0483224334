import { describe, expect, it } from 'vitest'
import { publishFor } from '../../../job-image/config/publish.ts'
import { resultsSchema } from '../../../job-image/config/results-schema.ts'
import { InputError } from '../../../job-image/errors.ts'

describe('what a run publishes', () => {
  it.each([
    ['everything by default', {}, undefined, {}, 'all'],
    ['what the configuration says', { publish: 'none' }, undefined, {}, 'none'],
    ['what the variable says, above the configuration', { publish: 'none' }, undefined, 'all', 'all'],
    ['what the flag says, above the variable', { publish: 'all' }, 'none', 'all', 'none'],
    ['what the configuration says if the variable is empty', { publish: 'none' }, undefined, '', 'none'],
  ] as const)('is %s', (_, config, flag, variable, expected) => {
    const env = typeof variable === 'string' ? { RESULTS_PUBLISH: variable } : {}
    expect(publishFor(config as never, flag, { env })).toBe(expected)
  })

  it('is not guessed from another text of the variable', () => {
    const choose = () => publishFor({} as never, undefined, { env: { RESULTS_PUBLISH: 'All' } })
    expect(choose).toThrow(new InputError('RESULTS_PUBLISH: expected all or none, found "All"'))
  })

  it('is not guessed from another option of a program without types', () => {
    const choose = () => publishFor({} as never, 'some' as never, { env: { RESULTS_PUBLISH: 'all' } })
    expect(choose).toThrow(new InputError('publish: expected all or none, found "some"'))
  })
})

describe('results of the configuration', () => {
  it.each([[undefined], [null], [{}], [{ publish: null }], [{ publish: 'all' }], [{ publish: 'none' }]])(
    'may be %j',
    (value) => expect(resultsSchema.parse(value)).toEqual(value),
  )

  it.each([
    [{ publish: 'some' }, 'expected all or none'],
    [{ publish: true }, 'expected all or none'],
    ['none', 'expected a map with the key publish'],
  ])('may not be %j', (value, message) => {
    expect(resultsSchema.safeParse(value).error?.issues.map((issue) => issue.message)).toEqual([message])
  })
})
