import { join } from 'node:path'
import { expect, it } from 'vitest'
import { start } from '../../../operator/start.ts'
import { createFolder } from '../../support/run-command.ts'

const folder = createFolder()

async function run(argv: readonly string[], env: Record<string, string> = {}) {
  const text = { stdout: '', stderr: '' }
  const output = (stream: 'stdout' | 'stderr') => ({
    write: (more: string) => void (text[stream] += more),
    drained: async () => undefined,
    loss: undefined,
  })
  const io = {
    env,
    cwd: folder.path,
    stdout: output('stdout'),
    stderr: output('stderr'),
    signal: AbortSignal.abort(),
  }
  const ending = await start(io, argv)
  return { code: ending.code, kind: ending.stdout, ...text }
}

it('prints its help, which is a result', async () => {
  const { code, kind, stdout } = await run(['--help'])
  expect([code, kind]).toEqual([0, 'result'])
  expect(stdout).toContain('--lease-namespace')
})

it('ends with 2 where a flag or a variable must be changed', async () => {
  const { code, kind, stderr } = await run([])
  expect([code, kind]).toEqual([2, 'record'])
  expect(stderr).toMatch(/^rapidrmf-operator: .*--image \(RAPIDRMF_IMAGE\): is required/s)
})

it('ends with 1 where it cannot start for another reason', async () => {
  const { code, stderr } = await run(['--image', 'i', '--kubeconfig', join(folder.path, 'none')])
  expect(code).toBe(1)
  expect(stderr).toMatch(/^rapidrmf-operator: .*ENOENT/)
})
