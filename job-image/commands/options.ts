import { flag, option, optional, string } from 'cmd-ts'

/** Options that several commands share, so that they are named and explained once. */
export const configOption = option({
  long: 'config',
  type: string,
  defaultValue: () => 'config.yaml',
  defaultValueIsSerializable: true,
  description: 'Configuration file (YAML)',
})

export const envOption = option({
  long: 'env',
  type: string,
  defaultValue: () => 'production',
  defaultValueIsSerializable: true,
  description: 'Environment: a key of `environments` in the configuration',
})

/** The option of commands that work on a whole database, which an environment only helps to find. */
export const databaseEnvOption = option({
  long: 'env',
  type: optional(string),
  description: 'The environment whose database to use. Default: production, where no URL is given',
})

/** `DATABASE_URL` is read with the configuration, so that the flag, the variable and the file have one order. */
export const databaseUrlOption = option({
  long: 'database-url',
  type: optional(string),
  description: "Overrides DATABASE_URL, which overrides the environment's database_url",
})

export const jsonFlag = flag({ long: 'json', description: 'Print JSON' })

export const migrateFlag = flag({
  long: 'migrate',
  description: 'Bring the tables up to date first (like "db migrate")',
})
