// The command lines of the scripts: the same help, errors and exit codes as those of rapidrmf itself.
import { runSafely } from 'cmd-ts'
import { suggestion } from '../job-image/document.ts'
import { EXIT, asError, exitCodeOf } from '../job-image/errors.ts'

type Parser<Options> = Parameters<typeof runSafely>[0] & { handler: (options: Options) => Options }

/** Parses the command line. Help and an invalid command line end the process (exit code 0 and 2). */
export async function readCommandLine<Options>(parser: Parser<Options>): Promise<Options> {
  const parsed = await runSafely(parser, process.argv.slice(2))
  if (parsed._tag === 'ok') return parsed.value as Options
  const { message, into, exitCode } = parsed.error.config
  process[into].write(`${message}\n`)
  if (exitCode === 0) process.exit(EXIT.ok)
  const known = await optionNames(parser)
  for (const name of unknownArguments(message)) {
    process.stderr.write(`${name}: unknown${suggestion(name, known)}\n`)
  }
  process.exit(EXIT.usage)
}

/** Matches the argument that cmd-ts quotes on the line above its error. */
function unknownArguments(message: string): string[] {
  return [...plain(message).matchAll(/^ *(.+)\n *\^ Unknown arguments/gm)].flatMap(([, line = '']) =>
    line.trim().split(/\s+/),
  )
}

/** Matches the options at the beginning of the lines of the help. */
async function optionNames<Options>(parser: Parser<Options>): Promise<string[]> {
  const help = await runSafely(parser, ['--help'])
  if (help._tag === 'ok') return []
  return [...plain(help.error.config.message).matchAll(/^ *(--[\w-]+)/gm)].map(([, name = '']) => name)
}

function plain(text: string): string {
  // oxlint-disable-next-line no-control-regex -- a terminal's colours begin so
  return text.replaceAll(/\u001B\[[0-9;]*m/g, '')
}

/** Runs the script's work; prints an error, and sets its exit code. */
export async function runScript(name: string, work: () => Promise<void>): Promise<void> {
  try {
    await work()
  } catch (thrown) {
    process.stderr.write(`${asError(thrown).message.replaceAll(/^/gm, `${name}: `)}\n`)
    process.exitCode = exitCodeOf(thrown)
  }
}
