import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, openSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { describe, expect, it } from 'vitest'
import { MAX_WAITING_BYTES } from '../../../common/output.ts'

const PROGRAM = join(import.meta.dirname, '../../../common/program.ts')

/** A process whose program is this body of an async function of `io`. `stdout`: a pipe, or an open file. */
function start(body: string, stdout: 'pipe' | number = 'pipe') {
  const source = `import { runProgram } from ${JSON.stringify(PROGRAM)}
    runProgram(process, 'test', async (io) => { ${body} })`
  const child = spawn(process.execPath, ['--input-type=module', '--eval', source], {
    stdio: ['ignore', stdout, 'pipe'],
  })
  const ended = once(child, 'close').then(([code]) => code as number | null)
  return { child, ended, stderr: text(child.stderr!) }
}

const result = (code: number) => `return { code: ${code}, stdout: 'result' }`
const record = (code: number) => `return { code: ${code}, stdout: 'record' }`

describe('a program', () => {
  it.each([0, 3])('ends with its own exit code (%i)', async (code) => {
    const { ended, stderr } = start(result(code))
    expect({ code: await ended, stderr: await stderr }).toEqual({ code, stderr: '' })
  })

  it('fails and says so when nothing is left that could complete it', async () => {
    const { ended, stderr } = start('await new Promise(() => {})')
    expect({ code: await ended, stderr: await stderr }).toEqual({
      code: 1,
      stderr: 'test: ended before its work was done: nothing is left that could complete it\n',
    })
  })

  it('fails when it throws', async () => {
    const { ended, stderr } = start(`throw new Error('broken')`)
    expect(await ended).toBe(1)
    expect(await stderr).toContain('broken')
  })

  it('is stopped by the first signal and ended by the second', async () => {
    const { child, ended } = start(`
      setInterval(() => {}, 1000)
      io.signal.addEventListener('abort', () => io.stdout.write('stopping'))
      io.stdout.write('ready')
      await new Promise(() => {})`)
    await once(child.stdout!, 'data')
    child.kill('SIGTERM')
    await once(child.stdout!, 'data')
    child.kill('SIGTERM')
    expect(await ended).toBe(143)
  })

  it('gives a slow reader all of its result', async () => {
    const size = 3 * MAX_WAITING_BYTES
    const { child, ended } = start(`
      for (let n = 0; n < 3; n += 1) { io.stdout.write('x'.repeat(${MAX_WAITING_BYTES})); await io.stdout.drained() }
      ${result(0)}`)
    expect((await text(child.stdout!)).length).toBe(size)
    expect(await ended).toBe(0)
  })
})

/** Each stdout that takes nothing, and whether its reader has left. */
const BROKEN: Readonly<Record<string, { readonly stdout: 'pipe' | number; readonly reason: string }>> = {
  'a closed pipe': { stdout: 'pipe', reason: 'write EPIPE' },
  'a full disk': { stdout: openSync('/dev/full', 'w'), reason: 'ENOSPC: no space left on device, write' },
  'a file that is not open for writing': {
    stdout: openSync('/dev/null', 'r'),
    reason: 'EBADF: bad file descriptor, write',
  },
}

describe.each(Object.entries(BROKEN))('with %s as stdout', (name, { stdout, reason }) => {
  /** Writes until a loss is noticed, then goes on working, and says so. */
  const working = `
    while (io.stdout.loss === undefined) { io.stdout.write('line\\n'); await new Promise(setImmediate) }
    for (let n = 0; n < 100; n += 1) { io.stdout.write('line\\n'); await new Promise(setImmediate) }
    io.stderr.write('worked\\n')
    `
  const run = async (ending: string) => {
    const { child, ended, stderr } = start(working + ending, stdout)
    child.stdout?.destroy()
    return { code: await ended, stderr: await stderr }
  }

  it.each([0, 1, 3, 143])('a program that keeps a record ends as its work ends (%i)', async (code) => {
    expect(await run(record(code))).toEqual({
      code,
      stderr: `worked\ntest: warning: part of the output on stdout is lost: ${reason}\n`,
    })
  })

  const gone = name === 'a closed pipe'
  it(`one that prints a result ${gone ? 'ends well' : 'fails'}`, async () => {
    const message = gone ? '' : `test: the output could not be written: ${reason}\n`
    expect(await run(result(0))).toEqual({ code: gone ? 0 : 1, stderr: `worked\n${message}` })
    expect(await run(result(2))).toEqual({ code: 2, stderr: `worked\n${message}` })
  })
})

it.each(['/dev/full', 'a closed pipe'])('a stderr that takes nothing (%s) changes nothing', async (where) => {
  const source = `import { runProgram } from ${JSON.stringify(PROGRAM)}
    runProgram(process, 'test', async (io) => {
      for (let n = 0; n < 100; n += 1) { io.stderr.write('line\\n'); await new Promise(setImmediate) }
      process.emitWarning('from Node itself')
      io.stdout.write('worked')
      ${result(0)}
    })`
  const stderr = where === '/dev/full' ? openSync(where, 'w') : 'pipe'
  const child = spawn(process.execPath, ['--input-type=module', '--eval', source], {
    stdio: ['ignore', 'pipe', stderr],
  })
  child.stderr?.destroy()
  const ended = once(child, 'close')
  expect(await text(child.stdout!)).toBe('worked')
  expect((await ended)[0]).toBe(0)
})

it('a reader that stalls stops neither the program nor fills its memory', async () => {
  const lines = (8 * MAX_WAITING_BYTES) / 1024
  const { child, ended, stderr } = start(`
    const line = 'x'.repeat(1023) + '\\n'
    for (let n = 0; n < ${lines}; n += 1) {
      io.stdout.write(line)
      if (n % 100 === 0) await new Promise(setImmediate)
    }
    io.stderr.write('waiting: ' + process.stdout.writableLength + '\\n')
    ${record(0)}`)
  const [first] = (await once(child.stderr!, 'data')) as [Buffer]
  const waiting = Number(/waiting: (\d+)/.exec(String(first))?.[1])
  expect(waiting).toBeGreaterThan(0)
  expect(waiting).toBeLessThanOrEqual(MAX_WAITING_BYTES + 1024)
  // Only now anybody reads.
  const read = (await text(child.stdout!)).length
  expect(await ended).toBe(0)
  expect(read).toBeGreaterThanOrEqual(waiting)
  expect(read).toBeLessThan(lines * 1024)
  expect(await stderr).toContain('part of the output on stdout is lost: its reader is too slow')
})

it('says so where its working directory was deleted', () => {
  const directory = mkdtempSync(join(tmpdir(), 'rapidrmf-gone-'))
  const main = join(import.meta.dirname, '../../../job-image/main.ts')
  const { status, stderr } = spawnSync(
    'sh',
    ['-c', `cd "$1" && rmdir "$1" && exec "$2" "$3" --version`, 'sh', directory, process.execPath, main],
    { encoding: 'utf8' },
  )
  expect([status, stderr]).toEqual([
    2,
    'rapidrmf: the working directory does not exist any more; change to another one\n',
  ])
})
