import { z } from 'zod'
import { EXPECTED_PUBLISH, PUBLISH } from './publish.ts'

/** `results` of the configuration. Apart from publish.ts, which the command line reads at its start, without zod. */
export const resultsSchema = z
  .strictObject(
    { publish: z.enum(PUBLISH, EXPECTED_PUBLISH).nullish() },
    'expected a map with the key publish',
  )
  .nullish()
