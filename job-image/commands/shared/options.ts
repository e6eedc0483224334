import { flag, option, optional } from 'cmd-ts'
import type { Type } from 'cmd-ts'
import { text } from './values.ts'

const DEFAULT_CONFIG = 'config.yaml'

/** Options that several commands share, so that they are named and explained once. */
export const configOption = option({
  long: 'config',
  env: 'RAPIDRMF_CONFIG',
  // An empty variable is none, as with the other variables.
  type: { ...text('FILE'), from: async (path) => (path === '' ? DEFAULT_CONFIG : path) },
  defaultValue: () => DEFAULT_CONFIG,
  defaultValueIsSerializable: true,
  description: 'Configuration file (YAML)',
})

export const envOption = option({
  long: 'env',
  type: text('NAME'),
  defaultValue: () => 'production',
  defaultValueIsSerializable: true,
  description: 'Environment: a key of `environments` in the configuration',
})

/** The option of commands that work on a whole database, which an environment only helps to find. */
export const databaseEnvOption = option({
  long: 'env',
  type: optional(text('NAME')),
  description: 'The environment whose database to use. Default: production, where no URL is given',
})

/** `DATABASE_URL` is read with the configuration, so that the flag, the variable and the file have one order. */
export const databaseUrlOption = option({
  long: 'database-url',
  type: optional(text('URL')),
  description: "Overrides DATABASE_URL, which overrides the environment's database_url",
})

/** Where the commands that only read look: unlike those that act on one environment, by default in all of them. */
export const readingArgs = {
  config: configOption,
  env: option({
    long: 'env',
    type: optional(text('NAME')),
    description: 'Only this environment. Default: all, in every database of the configuration',
  }),
  databaseUrl: databaseUrlOption,
}

export const jsonFlag = flag({ long: 'json', description: 'Print JSON' })

/** The one value of `--output`, as in kubectl; JSON and CSV have flags of their own. */
const wide: Type<string, boolean> = {
  displayName: 'wide',
  from: async (text) => {
    if (text === 'wide') return true
    throw new Error(`expected wide, found ${JSON.stringify(text)}; --json prints JSON`)
  },
}

/** The options of commands that print a table. */
export const formatArgs = {
  json: jsonFlag,
  wide: option({
    long: 'output',
    short: 'o',
    type: wide,
    defaultValue: () => false,
    description: 'wide: all columns and full texts, independent of the width of the terminal',
  }),
}

export const migrateFlag = flag({
  long: 'migrate',
  description: 'Bring the tables up to date first (like "db migrate")',
})
