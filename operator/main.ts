#!/usr/bin/env node
import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import { setFlagsFromString } from 'node:v8'
import { createLogger } from '../logging/logger.ts'
import { systemClock } from './clock.ts'
import { ConfigError, helpText, readConfig } from './config.ts'
import type { Config } from './config.ts'
import { loadConfig } from './kube/connection.ts'
import { runOperator } from './operator.ts'

// What a reconcile or a watch event makes is dead when it ends, so the nursery need not grow.
setFlagsFromString('--semi-space-growth-factor=1')
// Most of the heap are the caches, which stay: left alone, V8 lets as much again pile up at each scrape and each bulk.
setFlagsFromString('--heap-growing-percent=20')

const EXIT = { ok: 0, failed: 1, usage: 2, interrupted: 143 } as const

/** The kubelet kills 30 s after SIGTERM. Nothing is lost by then: the next leader finds what is left to do. */
const LONGEST_END_MS = 25_000

const stop = new AbortController()
for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.on(signal, () => {
    // The second one is from somebody who does not want to wait.
    if (stop.signal.aborted) process.exit(EXIT.interrupted)
    stop.abort()
    setTimeout(() => process.exit(EXIT.interrupted), LONGEST_END_MS).unref()
  })
}

async function main(): Promise<number> {
  const config = readConfig(process.argv.slice(2), process.env)
  if (config === 'help') {
    process.stdout.write(helpText())
    return EXIT.ok
  }
  await run(config)
  return EXIT.ok
}

function run(config: Readonly<Config>): Promise<void> {
  const { kubeconfig, context } = config
  const kube = loadConfig({
    ...(kubeconfig === undefined ? {} : { kubeconfig }),
    ...(context === undefined ? {} : { context }),
  })
  return runOperator({
    config,
    kube,
    // A pod's name stays when its container restarts, and the new process must not take itself for the old one.
    identity: `${config.identity ?? hostname()}_${randomUUID().slice(0, 8)}`,
    clock: systemClock,
    log: createLogger(process.stdout, {
      level: config['log-level'],
      format: process.stdout.isTTY ? 'text' : 'json',
    }),
    signal: stop.signal,
  })
}

async function exitCode(): Promise<number> {
  try {
    return await main()
  } catch (error) {
    const words = error instanceof Error ? error.message : String(error)
    process.stderr.write(`rapidrmf-operator: ${words}\n`)
    return error instanceof ConfigError ? EXIT.usage : EXIT.failed
  }
}

// No top-level await: the bundle is CommonJS.
void exitCode().then((code) => (process.exitCode = code))
