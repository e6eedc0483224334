import { option, optional } from 'cmd-ts'
import { text } from './values.ts'

export { configOption, databaseUrlOption, formatArgs } from './options.ts'

/** Unlike the commands that act on one environment, those that only read look at all of them by default. */
export const anyEnvOption = option({
  long: 'env',
  type: optional(text('NAME')),
  description: 'Only this environment. Default: all, in every database of the configuration',
})
