import { InputError } from '../errors.ts'
import type { Io } from '../io.ts'
import type { Config } from './config.ts'

/**
 * What a run writes to `validation_results`: `all` the rows of all answers, for RapidRMF's own programs; `none` nothing.
 * The record holds the answers in either case.
 */
export const PUBLISH = ['all', 'none'] as const
export type Publish = (typeof PUBLISH)[number]

/** What an error says of another value. */
export const EXPECTED_PUBLISH = `expected ${PUBLISH.join(' or ')}`

/** The caller's option overrides the variable RESULTS_PUBLISH, which overrides `results.publish` of the configuration. Default: all. */
export function publishFor(
  config: Pick<Config, 'publish'>,
  option: Publish | undefined,
  { env }: Pick<Io, 'env'>,
): Publish {
  return (
    checked('publish', option) ??
    checked('RESULTS_PUBLISH', env['RESULTS_PUBLISH']) ??
    config.publish ??
    'all'
  )
}

/** The library checks its option as well, because a program in JavaScript has no compiler that does. */
function checked(source: string, text: string | undefined): Publish | undefined {
  if (text === undefined || text === '') return undefined
  const found = PUBLISH.find((each) => each === text)
  if (found !== undefined) return found
  throw new InputError(`${source}: ${EXPECTED_PUBLISH}, found "${text}"`)
}
