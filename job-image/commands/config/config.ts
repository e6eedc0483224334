import { command, option, optional } from 'cmd-ts'
import { EXIT, InputError } from '../../errors.ts'
import type { Problem } from '../../errors.ts'
import { say, write, writeJson } from '../../io.ts'
import type { Action } from '../../io.ts'
import { group } from '../shared/group.ts'
import { configOption, databaseUrlOption, jsonFlag } from '../shared/options.ts'
import { text } from '../shared/values.ts'

/** Other commands take one environment; these look at all of them unless one is named. */
const oneEnvironment = option({
  long: 'env',
  type: optional(text('NAME')),
  description: 'Only this environment (all of them otherwise)',
})

const options = {
  config: configOption,
  env: oneEnvironment,
  databaseUrl: databaseUrlOption,
  json: jsonFlag,
}

const show = command({
  name: 'show',
  description:
    'Print the configuration as commands use it, without secrets, and where database URLs come from',
  args: options,
  examples: [
    { description: 'All environments', command: 'rapidrmf config show' },
    { description: 'One of them, for a script', command: 'rapidrmf config show --env production --json' },
  ],
  handler:
    ({ config: path, json, ...which }): Action =>
    async (io) => {
      const { stringify } = await import('yaml')
      const { loadConfig } = await import('../../config/config.ts')
      const { configFile } = await import('../../config/target.ts')
      const { showConfig } = await import('../../config/show.ts')
      const shown = showConfig(loadConfig(configFile(path, io), io.env), which, io)
      if (json) await writeJson(io.stdout, shown)
      else await write(io.stdout, stringify(shown, { lineWidth: 0 }))
      return 0
    },
})

const check = command({
  name: 'check',
  description:
    'Report everything that is wrong with the configuration and the files it names; exit 2 if anything is',
  args: options,
  examples: [
    { description: 'Before a change goes live', command: 'rapidrmf config check --config config.yaml' },
    { description: 'In a pipeline', command: 'rapidrmf config check --json' },
  ],
  handler:
    ({ config: path, json, ...which }): Action =>
    async (io) => {
      const { loadConfig } = await import('../../config/config.ts')
      const { configFile } = await import('../../config/target.ts')
      const { checkConfig } = await import('../../config/check.ts')
      const file = configFile(path, io)
      const { problems, notes } = reportOf(() => checkConfig(loadConfig(file, io.env), which, io))
      if (json) {
        await writeJson(io.stdout, { file, problems, notes })
        return problems.length > 0 ? EXIT.usage : EXIT.ok
      }
      for (const note of notes) await say(io.stderr, `note: ${note}`)
      if (problems.length > 0) throw new InputError(problems)
      await write(io.stdout, `${file}: OK\n`)
      return 0
    },
})

type Report = { readonly problems: readonly Problem[]; readonly notes: readonly string[] }

/** A file that cannot be read at all is a report, too. */
function reportOf(work: () => Report): Report {
  try {
    return work()
  } catch (thrown) {
    if (thrown instanceof InputError) return { problems: thrown.problems, notes: [] }
    throw thrown
  }
}

export const configCommand = group({
  name: 'config',
  description: 'Show and check the configuration',
  cmds: { show, check },
})
