import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { connect } from '../../../scripts/control-plane/client.ts'
import { describeWithCluster } from '../namespace.ts'
import { until } from '../../../scripts/control-plane/until.ts'

const SCRIPT = join(import.meta.dirname, '../../../scripts/cluster.ts')

describeWithCluster('npm run cluster', () => {
  let directory: string
  const started: ChildProcess[] = []
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'rapidrmf-cluster-test-'))
  })
  afterAll(() => {
    for (const child of started) child.kill('SIGKILL')
    rmSync(directory, { recursive: true, force: true })
  })

  async function start(kubeconfig: string) {
    const child = spawn(process.execPath, [SCRIPT, '--kubeconfig', kubeconfig], {
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    started.push(child)
    let output = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => (output += text))
    }
    const ended = new Promise<number | null>((resolve) => child.once('exit', resolve))
    const upTo = { timeoutMs: 120_000 }
    const logs = await until(
      'the cluster to be up',
      () => {
        if (child.exitCode !== null) throw new Error(`ended: ${output}`)
        return /Logs: (\S+)/.exec(output)?.[1]
      },
      upTo,
    )
    return { child, ended, logs, output: () => output }
  }

  test('runs a cluster until Ctrl-C, and removes everything', async () => {
    const kubeconfig = join(directory, 'first')
    const { child, ended, logs, output } = await start(kubeconfig)
    expect(output()).toContain(`export KUBECONFIG=${kubeconfig}`)
    const { core } = connect(readFileSync(kubeconfig, 'utf8'))
    expect((await core.readNamespace({ name: 'default' })).metadata?.name).toBe('default')

    await expect(start(kubeconfig)).rejects.toThrow(/ended: A cluster is up already: KUBECONFIG=.*first/)

    child.kill('SIGINT')
    expect(await ended).toBe(0)
    expect(existsSync(kubeconfig)).toBe(false)
    expect(existsSync(logs)).toBe(false)
    await expect(core.listNamespace()).rejects.toThrow('fetch failed')
  })

  test('leaves no process and no data when it is killed', async () => {
    const kubeconfig = join(directory, 'second')
    const { child, ended, logs } = await start(kubeconfig)
    const { core } = connect(readFileSync(kubeconfig, 'utf8'))
    await core.listNamespace()
    child.kill('SIGKILL')
    await ended
    await until('the watchdog to clean up', () => (existsSync(logs) ? undefined : true), {
      timeoutMs: 10_000,
    })
    await expect(core.listNamespace()).rejects.toThrow('fetch failed')
    // The old kubeconfig remains, and does not prevent a new start.
    const again = await start(kubeconfig)
    again.child.kill('SIGTERM')
    expect(await again.ended).toBe(0)
  })
})
