import { pino } from 'pino'
import type { Logger } from 'pino'
import type { Output } from '../io.ts'

/** JSON lines for machines, one readable line for people at a terminal; nothing else differs. */
export function createLogger(output: Output, level = 'info'): Logger {
  return pino(
    {
      level,
      base: null,
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
    },
    { write: (line: string) => void output.write(output.isTTY === true ? readable(line) : line) },
  )
}

function readable(line: string): string {
  const { time, level, msg, ...rest } = JSON.parse(line) as Record<string, unknown>
  const fields = Object.entries(rest).map(([key, value]) =>
    typeof value === 'object' && value !== null
      ? `${key}=${JSON.stringify(value)}`
      : `${key}=${String(value)}`,
  )
  return `${[String(time).slice(0, 19), String(level).toUpperCase().padEnd(5), String(msg), ...fields].join(' ')}\n`
}
