import { z } from 'zod'
import { InputError } from '../errors.ts'
import type { Io } from '../io.ts'
import type { Config } from './config.ts'

/**
 * What a run writes to `validation_results`: `all` the rows of all answers, for RapidRMF's own programs; `none` nothing.
 * The record holds the answers in either case.
 */
export const PUBLISH = ['all', 'none'] as const
export type Publish = (typeof PUBLISH)[number]

const EXPECTED = `expected ${PUBLISH.join(' or ')}`

/** `results` of the configuration. */
export const resultsSchema = z
  .strictObject({ publish: z.enum(PUBLISH, EXPECTED).nullish() }, 'expected a map with the key publish')
  .nullish()

/** The flag overrides the variable RESULTS_PUBLISH, which overrides `results.publish` of the configuration. Default: all. */
export function publishFor(
  config: Pick<Config, 'publish'>,
  flag: Publish | undefined,
  { env }: Pick<Io, 'env'>,
): Publish {
  return flag ?? fromVariable(env['RESULTS_PUBLISH']) ?? config.publish ?? 'all'
}

function fromVariable(text: string | undefined): Publish | undefined {
  if (text === undefined || text === '') return undefined
  const found = PUBLISH.find((each) => each === text)
  if (found !== undefined) return found
  throw new InputError(`RESULTS_PUBLISH: ${EXPECTED}, found "${text}"`)
}
