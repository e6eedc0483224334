import { printable } from '../printable.ts'
import { pino, stdSerializers } from 'pino'
import type { Logger } from 'pino'
import type { LogLevel } from './levels.ts'
import { REDACTED, redactSecrets } from './redact.ts'

export type { Logger } from 'pino'

export type LogOptions = {
  /** The lowest level that is logged. */
  readonly level: LogLevel
  /** JSON lines for programs or text lines for users, with the same content. */
  readonly format: 'json' | 'text'
}

/** A stream of the process, or a test's. */
export type LogOutput = { write(text: string): unknown }

/** Fields whose whole value is redacted. */
const SECRET_FIELDS = ['password', 'secret', 'token', 'authorization', 'databaseUrl', 'database_url']

/** Creates a logger that writes synchronously, so that no line is lost when the process exits. */
export function createLogger(output: LogOutput, { level, format }: LogOptions): Logger {
  const log = pino(
    {
      level,
      base: null,
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      redact: {
        paths: SECRET_FIELDS.flatMap((name) => [name, `*.${name}`, `*.*.${name}`]),
        censor: REDACTED,
      },
      formatters: {
        level: (label) => ({ level: label }),
        log: withoutSecrets,
      },
      serializers: { err: (error: Error) => withoutSecrets(stdSerializers.err(error)) },
      hooks: {
        logMethod(args, method) {
          const redacted = args.map((each: unknown) =>
            typeof each === 'string' ? redactSecrets(each) : each,
          )
          method.apply(this, redacted as typeof args)
        },
      },
    },
    { write: (line: string) => void output.write(format === 'text' ? readable(line) : line) },
  )
  // pino asks its formatter for the first logger's own fields only; children inherit this one.
  // oxlint-disable-next-line unbound-method -- called with each logger as its `this`
  const { child } = log
  log.child = function (this: Logger, fields, options) {
    return child.call(this, withoutSecrets(fields), options)
  } as typeof child
  return log
}

type Fields = Record<string, unknown>

/** Errors are left to their own serializer, which redacts too. */
function withoutSecrets(fields: object): Fields {
  return Object.fromEntries(Object.entries(fields).map(([key, value]) => [key, valueWithoutSecrets(value)]))
}

function valueWithoutSecrets(value: unknown): unknown {
  if (typeof value === 'string') return redactSecrets(value)
  if (typeof value !== 'object' || value === null || value instanceof Error) return value
  return Array.isArray(value) ? value.map(valueWithoutSecrets) : withoutSecrets(value)
}

function readable(line: string): string {
  const { time, level, msg, ...rest } = JSON.parse(line) as Fields
  const fields = Object.entries(rest).map(([key, value]) =>
    typeof value === 'object' && value !== null
      ? `${key}=${JSON.stringify(value)}`
      : `${key}=${printable(String(value))}`,
  )
  return `${[String(time).slice(0, 19), String(level).toUpperCase().padEnd(5), printable(String(msg)), ...fields].join(' ')}\n`
}
