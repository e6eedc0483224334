import { readFileSync } from 'node:fs'

/** Reads a table that test/oracle/cron/regenerate.sh made from robfig/cron v3.0.1 in Go. */
export function golden(name: string): unknown {
  return JSON.parse(readFileSync(new URL(`golden/${name}`, import.meta.url), 'utf8'))
}
