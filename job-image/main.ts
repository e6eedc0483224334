#!/usr/bin/env node
import { setFlagsFromString } from 'node:v8'
import { runCli } from './cli.ts'
import { EXIT } from './errors.ts'

/** The oldest Node that has all that is used; the clone's own commands bring Node 24 with them. */
const OLDEST_NODE = 22
if (Number(process.versions.node.split('.', 1)[0]) < OLDEST_NODE) {
  process.stderr.write(`rapidrmf: needs Node ${OLDEST_NODE} or newer; this is ${process.versions.node}\n`)
  process.exit(EXIT.usage)
}

// Young objects of a run die within a batch, so the nursery need not grow: at 2,000 systems that halves the process
// and costs no speed. (--max-semi-space-size would say it plainer, but V8 reads it before any script runs.)
setFlagsFromString('--semi-space-growth-factor=1')

/** Kubernetes kills 30 s after SIGTERM. Whatever still waits then for an answer gets none. */
const LONGEST_END_MS = 25_000

const LONGEST_LEFTOVER_MS = 500

const stop = new AbortController()
for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.on(signal, () => {
    // The second one is from somebody who does not want to wait: what is not committed vanishes with the connection.
    if (stop.signal.aborted) process.exit(EXIT.interrupted)
    stop.abort()
    setTimeout(() => process.exit(EXIT.interrupted), LONGEST_END_MS).unref()
  })
}
// A reader that has seen enough (`… | head`) is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  process.exit(error.code === 'EPIPE' ? EXIT.ok : EXIT.failed)
})

// No top-level await: the bundle is CommonJS.
void runCli(process.argv.slice(2), {
  env: process.env,
  cwd: process.cwd(),
  stdout: process.stdout,
  stderr: process.stderr,
  signal: stop.signal,
}).then(end)

/** What is open even so (a name that does not resolve, a collector that is away) holds nobody up; output does. */
function end(code: number): void {
  process.exitCode = code
  setInterval(() => {
    if (process.stdout.writableLength === 0) process.exit()
  }, LONGEST_LEFTOVER_MS).unref()
}
