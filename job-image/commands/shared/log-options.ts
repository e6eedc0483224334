import { option, optional } from 'cmd-ts'
import { LOG_LEVELS } from '../../../common/logging/levels.ts'
import type { LogLevel } from '../../../common/logging/levels.ts'
import { InputError } from '../../errors.ts'
import type { Io, Output } from '../../io.ts'
import { choice } from './values.ts'

const FORMATS = ['auto', 'json', 'text'] as const
type Format = (typeof FORMATS)[number]

/** Read from the environment too; by hand, so that an empty variable is none. */
export const logArgs = {
  logLevel: option({
    long: 'log-level',
    type: optional(choice(LOG_LEVELS)),
    description: 'The lowest level that is logged. Default: LOG_LEVEL, or info',
  }),
  logFormat: option({
    long: 'log-format',
    type: optional(choice(FORMATS)),
    description: 'json: lines on stdout; text: for people, on stderr; auto. Default: LOG_FORMAT, or auto',
  }),
}

export type LogArgs = {
  readonly logLevel: LogLevel | undefined
  readonly logFormat: Format | undefined
}

export type LogSettings = {
  readonly level: LogLevel
  readonly format: 'json' | 'text'
  readonly output: Output
}

/**
 * Where a command logs to, and how. `automatic`: what `auto` means here. JSON lines go to stdout, which `reserved` says
 * is taken by a document of its own; then they go to stderr.
 */
export function logSettings(
  { logLevel, logFormat }: LogArgs,
  io: Pick<Io, 'env' | 'stdout' | 'stderr'>,
  { automatic, reserved = false }: { readonly automatic: 'json' | 'text'; readonly reserved?: boolean },
): LogSettings {
  const level = logLevel ?? fromEnvironment(io, 'LOG_LEVEL', LOG_LEVELS) ?? 'info'
  const asked = logFormat ?? fromEnvironment(io, 'LOG_FORMAT', FORMATS) ?? 'auto'
  const format = asked === 'auto' ? automatic : asked
  return { level, format, output: format === 'json' && !reserved ? io.stdout : io.stderr }
}

function fromEnvironment<Value extends string>(
  { env }: Pick<Io, 'env'>,
  name: string,
  values: readonly Value[],
): Value | undefined {
  const text = env[name] ?? ''
  if (text === '') return undefined
  const value = values.find((each) => each === text.toLowerCase())
  if (value === undefined) throw new InputError(`${name}: expected ${values.join(', ')}, found "${text}"`)
  return value
}
