import { runSafely } from 'cmd-ts'
import { stripVTControlCharacters } from 'node:util'
import type { Ending } from '../common/program.ts'
import { redactSecrets } from '../common/logging/redact.ts'
import { catalogCommand } from './commands/catalog/catalog.ts'
import { completionCommand } from './commands/completion/completion.ts'
import { configCommand } from './commands/config/config.ts'
import { dbCommand } from './commands/db/db.ts'
import { group } from './commands/shared/group.ts'
import { inventoryCommand } from './commands/inventory/inventory.ts'
import { notifyCommand } from './commands/notify/notify.ts'
import { recordGroup } from './commands/record/record.ts'
import { resultsCommand } from './commands/results/results.ts'
import { rulesCommand } from './commands/rules/rules.ts'
import { runsGroup } from './commands/runs/runs.ts'
import { schedulerCommand } from './commands/scheduler/scheduler.ts'
import { schedulesCommand } from './commands/schedules/schedules.ts'
import { systemsGroup } from './commands/systems/systems.ts'
import type { CommandNode } from './commands/completion/command-tree.ts'
import { EXIT, InputError, asError, exitCodeOf, formatProblem } from './errors.ts'
import { say, write } from './io.ts'
import type { Action, Io, Output } from './io.ts'
import { VERSION } from '../common/version.ts'

const app = group({
  name: 'rapidrmf',
  version: VERSION,
  description:
    'Scheduled validation of NIST SP 800-53 controls against the evidence in PostgreSQL. ' +
    'Exit codes: 0 done; 1 failed, a retry may help; 2 something must be corrected first; ' +
    '3 with --fail-on, not everything passed; 143 stopped',
  cmds: {
    scheduler: schedulerCommand,
    schedules: schedulesCommand,
    runs: runsGroup,
    results: resultsCommand,
    record: recordGroup,
    catalog: catalogCommand,
    inventory: inventoryCommand,
    systems: systemsGroup,
    rules: rulesCommand,
    notify: notifyCommand,
    config: configCommand,
    db: dbCommand,
    completion: completionCommand((): CommandNode => app),
  },
})

/** The result of nested subcommands in cmd-ts: the selected command's handler result at the end of the chain. */
type Chosen = { readonly command: string; readonly value: Chosen | Action }

/** Runs one command line; resolves to its exit code and what its output means. Never throws or ends the process. */
export async function runCli(argv: readonly string[], io: Io): Promise<Ending> {
  let stdout: Ending['stdout'] = 'result'
  try {
    const parsed = await runSafely(app, withFlags(argv))
    if (parsed._tag === 'error') {
      const { message, into, exitCode } = parsed.error.config
      // A usage error quotes the command line, which may hold a database's URL.
      const text = exitCode === 0 ? message : redactSecrets(message)
      const output = into === 'stdout' ? io.stdout : io.stderr
      await write(output, `${isColoured(output, io) ? text : stripVTControlCharacters(text)}\n`)
      return { code: exitCode === 0 ? EXIT.ok : EXIT.usage, stdout }
    }
    const action = actionOf(parsed.value)
    if (action.isRun) stdout = 'record'
    return { code: await action(io), stdout }
  } catch (thrown) {
    const error = asError(thrown)
    // The lines of an InputError are ours, one for each problem.
    const lines = error instanceof InputError ? error.problems.map(formatProblem) : [error.message]
    for (const line of lines) await say(io.stderr, `rapidrmf: ${line}`)
    return { code: exitCodeOf(error), stdout }
  }
}

/** cmd-ts looks at stdout alone and never at NO_COLOR (no-color.org). */
function isColoured({ isTTY }: Output, { env }: Io): boolean {
  return isTTY === true && (env['NO_COLOR'] ?? '') === ''
}

/** `rapidrmf help COMMAND…` and `rapidrmf version` are what people try before the flags of these names. */
function withFlags([first, ...rest]: readonly string[]): string[] {
  if (first === undefined) return ['--help']
  if (first === 'help') return [...rest, '--help']
  return first === 'version' && rest.length === 0 ? ['--version'] : [first, ...rest]
}

function actionOf(chosen: Chosen | Action): Action {
  return typeof chosen === 'function' ? chosen : actionOf(chosen.value)
}
