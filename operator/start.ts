import { asError } from '../common/as-error.ts'
import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import { EXIT } from '../common/exit-codes.ts'
import type { Ending, Surroundings } from '../common/program.ts'
import { createLogger } from '../common/logging/logger.ts'
import { systemClock } from '../common/clock.ts'
import { ConfigError, helpText, readConfig } from './config.ts'
import type { OperatorConfig } from './config.ts'
import { loadConfig } from './kube/connection.ts'
import { runOperator } from './operator.ts'

/** Reads the command line and the environment, and runs the operator until the signal aborts. */
export async function start(io: Surroundings, argv: readonly string[]): Promise<Ending> {
  try {
    const config = readConfig(argv, io.env)
    if (config === 'help') {
      io.stdout.write(helpText())
      return { code: EXIT.ok, stdout: 'result' }
    }
    await run(config, io)
    return { code: EXIT.ok, stdout: 'record' }
  } catch (error) {
    const message = asError(error).message
    io.stderr.write(`rapidrmf-operator: ${message}\n`)
    return { code: error instanceof ConfigError ? EXIT.usage : EXIT.failed, stdout: 'record' }
  }
}

function run(config: Readonly<OperatorConfig>, { stdout, signal }: Surroundings): Promise<void> {
  const { kubeconfig, context } = config
  const kube = loadConfig({
    kubeconfig,
    context,
  })
  return runOperator({
    config,
    kube,
    // A pod keeps its name when its container restarts; the new process must not take the old one's identity.
    identity: `${config.identity ?? hostname()}_${randomUUID().slice(0, 8)}`,
    clock: systemClock,
    log: createLogger(stdout, {
      level: config['log-level'],
      format: stdout.isTTY ? 'text' : 'json',
    }),
    signal,
  })
}
