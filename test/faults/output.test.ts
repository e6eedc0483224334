import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { openSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { createDatabase } from '../support/database.ts'
import { createFolder } from '../support/run-command.ts'
import { expectExactlyOnce } from '../support/run-check.ts'
import { until } from '../../scripts/control-plane/until.ts'
import { seedWorld } from '../support/world.ts'

const MAIN = join(import.meta.dirname, '../../job-image/main.ts')
const { client, url } = await createDatabase()
const ENVIRONMENTS = ['closed', 'full', 'stalled'] as const
for (const environment of ENVIRONMENTS) {
  await seedWorld(client, { environment, systems: 3, controls: ['AC-2'] })
}
const folder = createFolder()
folder.write('config.yaml', `environments: { ${ENVIRONMENTS.join(': {}, ')}: {} }\n`)

/** Environments in which `scheduler start` cannot write its logs. */
function start(environment: (typeof ENVIRONMENTS)[number]) {
  const args = ['scheduler', 'start', '--env', environment, '--cron', '* * * * *', '--log-level', 'debug']
  const output = environment === 'full' ? openSync('/dev/full', 'w') : 'pipe'
  const child = spawn(process.execPath, [MAIN, ...args], {
    cwd: folder.path,
    env: { PATH: process.env['PATH'], DATABASE_URL: url },
    stdio: ['ignore', output, output],
  })
  if (environment === 'closed') {
    child.stdout?.destroy()
    child.stderr?.destroy()
  }
  return { child, ended: once(child, 'exit').then(([code, signal]) => ({ code, signal }) as const) }
}

async function closedRun(environment: string): Promise<string | undefined> {
  const { rows } = await client.query<{ run_key: string }>(
    `SELECT run_key FROM job_runs WHERE environment = $1 AND status = 'success' ORDER BY id LIMIT 1`,
    [environment],
  )
  return rows[0]?.run_key
}

// The first slot comes within a minute.
it.concurrent.each(ENVIRONMENTS)(
  'scheduler start continues with %s output until it is stopped',
  async (name) => {
    const { child, ended } = start(name)
    try {
      const key = await until('a closed run', () => closedRun(name), { timeoutMs: 100_000, intervalMs: 200 })
      await expectExactlyOnce(client, key, 3)
      expect(child.exitCode).toBe(null)
      child.kill('SIGTERM')
      child.stdout?.resume()
      child.stderr?.resume()
      expect(await ended).toEqual({ code: 0, signal: null })
    } finally {
      child.kill('SIGKILL')
    }
  },
)
