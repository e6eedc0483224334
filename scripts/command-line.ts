// The command lines of the scripts: the same help, refusals and exit codes as those of rapidrmf itself.
import { runSafely } from 'cmd-ts'
import { suggestion } from '../job-image/document.ts'
import { EXIT, asError, exitCodeOf } from '../job-image/errors.ts'

type Parser<Options> = Parameters<typeof runSafely>[0] & { handler: (options: Options) => Options }

/** What the command line says. Help, and a command line that cannot be read, end the process (exit code 0 and 2). */
export async function readCommandLine<Options>(
  parser: Parser<Options>,
  known: readonly string[],
): Promise<Options> {
  const parsed = await runSafely(parser, process.argv.slice(2))
  if (parsed._tag === 'ok') return parsed.value as Options
  const { message, into, exitCode } = parsed.error.config
  const hints = unknownArguments(message).map((name) => `${name}: unknown${suggestion(name, known)}\n`)
  process[into].write(`${message}\n${hints.join('')}`)
  process.exit(exitCode === 0 ? EXIT.ok : EXIT.usage)
}

/** cmd-ts quotes them on the line above its verdict. */
function unknownArguments(message: string): string[] {
  // oxlint-disable-next-line no-control-regex -- a terminal's colours begin so
  const plain = message.replaceAll(/\u001B\[[0-9;]*m/g, '')
  return [...plain.matchAll(/^ *(.+)\n *\^ Unknown arguments/gm)].flatMap(([, line = '']) =>
    line.trim().split(/\s+/),
  )
}

/** Runs the script's work; an error is shown, and decides the exit code. */
export async function runScript(name: string, work: () => Promise<void>): Promise<void> {
  try {
    await work()
  } catch (thrown) {
    process.stderr.write(`${asError(thrown).message.replaceAll(/^/gm, `${name}: `)}\n`)
    process.exitCode = exitCodeOf(thrown)
  }
}
