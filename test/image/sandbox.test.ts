import { spawn } from 'node:child_process'
import { existsSync, globSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { expect, it } from 'vitest'
import { until } from '../../scripts/control-plane/until.ts'
import { describeImages } from './containers.ts'

const SANDBOX = join(import.meta.dirname, '../../scripts/containers/sandbox.ts')

/** A program that opens a sandbox with all resources, prints its directory, and waits to be killed. */
const PROGRAM = `
import { writeFileSync } from 'node:fs'
import { openSandbox } from ${JSON.stringify(SANDBOX)}
const sandbox = openSandbox({ network: true })
sandbox.run('nsenter --net=/proc/self/fd/9 ip link add ' + process.argv[1] + ' type veth peer name eth0 netns 1')
sandbox.run('mkdir "' + sandbox.directory + '/mount" && mount -t tmpfs left "' + sandbox.directory + '/mount"')
sandbox.start('sleeper', 'sh', ['-c', 'for each in /sys/fs/cgroup/memory /sys/fs/cgroup; do echo $$ > $each/' + sandbox.cgroup + '/cgroup.procs && break; done; touch ' + sandbox.directory + '/mount/ready; exec sleep 4321'])
sandbox.run('until [ -f "' + sandbox.directory + '/mount/ready" ]; do sleep 0.1; done; touch "' + sandbox.directory + '/ready"')
console.log(JSON.stringify({ directory: sandbox.directory, cgroup: sandbox.cgroup }))
setInterval(() => {}, 1_000)
`

type Traces = {
  readonly processes: number
  readonly groups: number
  readonly link: boolean
  readonly folder: boolean
}

function sleepers(): number {
  return readdirSync('/proc').filter((pid) => {
    const file = `/proc/${pid}/cmdline`
    try {
      return /^\d+$/.test(pid) && readFileSync(file, 'utf8') === 'sleep\x004321\x00'
    } catch {
      // The process has ended in between.
      return false
    }
  }).length
}

describeImages('a sandbox whose owner is killed', () => {
  it('leaves no process, link, mount, control group or folder after SIGKILL', async () => {
    const device = `left${process.pid % 100_000}`
    const child = spawn(process.execPath, ['--input-type=module', '--eval', PROGRAM, device], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const line = await new Promise<string>((resolve, reject) => {
      createInterface(child.stdout).once('line', resolve)
      child.once('error', reject).once('exit', () => reject(new Error('it ended before it was killed')))
    })
    const { directory, cgroup } = JSON.parse(line) as { directory: string; cgroup: string }
    const traces = (): Traces => ({
      processes: sleepers(),
      groups: globSync([`/sys/fs/cgroup/${cgroup}`, `/sys/fs/cgroup/*/${cgroup}`]).length,
      link: readFileSync('/proc/net/dev', 'utf8').includes(`${device}:`),
      folder: existsSync(directory),
    })
    await until('the sandbox to be furnished', () => existsSync(join(directory, 'ready')) || undefined)
    expect(traces()).toMatchObject({ processes: 1, link: true, folder: true })
    expect(traces().groups).toBeGreaterThan(0)
    // Mounts inside are not visible outside.
    expect(readFileSync('/proc/mounts', 'utf8')).not.toContain(directory)
    child.removeAllListeners('exit')
    child.kill('SIGKILL')
    await until('all of it to go', () => (existsSync(directory) ? undefined : true))
    expect(traces()).toEqual({ processes: 0, groups: 0, link: false, folder: false })
  })
})
