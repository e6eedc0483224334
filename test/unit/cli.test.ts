import { Writable } from 'node:stream'
import { stripVTControlCharacters } from 'node:util'
import { describe, expect, test } from 'vitest'
import { openOutput } from '../../common/output.ts'
import { VERSION } from '../../common/version.ts'
import { runCli as runCliHere } from '../../job-image/cli.ts'
import { runCli } from '../support/cli.ts'
import { collectOutput, createFolder, runArgv } from '../support/run-command.ts'

test('help and version are words as well as flags', async () => {
  const run = (...argv: string[]) => runArgv(argv, { cwd: import.meta.dirname })
  expect(await run('help')).toEqual(await run('--help'))
  expect(await run('help', 'runs', 'show')).toEqual(await run('runs', 'show', '--help'))
  expect(await run('version')).toEqual(await run('--version'))
})

test.each([
  [['scheduler', 'once', '--database-url=postgresql://role:CANARYpw@127.0.0.1:1/db', 'extra']],
  [['scheduler', 'once', '--databse-url=postgresql://role:CANARYpw@127.0.0.1:1/db']],
  [
    [
      'scheduler',
      'once',
      '--database-url',
      'postgresql://role:CANARYpw@h/db',
      '--database-url',
      'postgresql://role:CANARYpw@h/db',
    ],
  ],
  [['runs', 'show', 'postgresql://role:CANARYpw@127.0.0.1:1/db']],
])('a usage error quotes no password: %j', async (argv) => {
  const { code, out, err } = await runArgv(argv, { cwd: import.meta.dirname })
  expect(code).toBe(2)
  expect(err).not.toBe('')
  expect(out + err).not.toContain('CANARY')
})

test('help and usage errors have colours on a terminal only', async () => {
  const env = { FORCE_COLOR: '1' }
  for (const argv of [
    ['results', '--help'],
    ['runs', 'shwo'],
  ]) {
    const { stdout, stderr } = await runCli(argv, { env })
    expect(stdout + stderr).not.toContain('\u001B')
    expect(stdout + stderr).toMatch(/results|Did you mean show|Not a valid subcommand/)
  }
})

const folder = createFolder()
const run = (...argv: string[]) => runArgv(argv, { cwd: folder.path })

describe('the exit code', () => {
  test.each<[string[], number]>([
    [['--help'], 0],
    [['version'], 0],
    [[], 0],
    [['rules', 'explain', 'AC-2'], 0],
    [['nothing'], 2],
    [['rules', 'explain'], 2],
    [['rules', 'explain', 'not an id'], 2],
    [['config', 'check', '--config', 'none.yaml'], 2],
  ])('of %j is %i', async (argv, code) => {
    expect((await run(...argv)).code).toBe(code)
  })
})

test('without a command, the help of all commands is shown on stdout', async () => {
  expect(await run()).toEqual(await run('--help'))
  expect((await run()).out).toMatch(/scheduler[^]*schedules[^]*runs[^]*results[^]*completion/)
})

test('only "version" alone is the version', async () => {
  expect(await run('version')).toEqual({ code: 0, out: `${VERSION}\n`, err: '' })
  expect((await run('version', 'runs')).code).toBe(2)
})

test('each problem is a line of its own on stderr, with the name of the program', async () => {
  folder.write('bad.yaml', 'name: bad\ncolour: red\nsize: 3\n')
  const { code, out, err } = await run('rules', 'explain', 'AC-2', '--rules', 'bad.yaml')
  expect({ code, out }).toEqual({ code: 2, out: '' })
  const lines = err.trimEnd().split('\n')
  expect(lines.length).toBeGreaterThan(1)
  for (const line of lines) expect(line).toMatch(/^rapidrmf: .*bad\.yaml:\d/)
})

describe('the meaning of stdout', () => {
  const surroundings = () => ({
    env: {},
    cwd: folder.path,
    stdout: collectOutput(),
    stderr: collectOutput(),
    signal: new AbortController().signal,
  })

  test.each<[string[], 'result' | 'record']>([
    [['rules', 'explain', 'AC-2'], 'result'],
    [['nothing'], 'result'],
    [['scheduler', 'once', '--env', 'nowhere'], 'record'],
    [['scheduler', 'start', '--env', 'nowhere'], 'record'],
  ])('of %j is a %s', async (argv, stdout) => {
    expect((await runCliHere(argv, surroundings())).stdout).toBe(stdout)
  })

  test('a usage error has colours on a terminal, unless NO_COLOR is set', async () => {
    const onTerminal = async (env: Record<string, string>): Promise<string> => {
      let text = ''
      const stream = new Writable({
        write: (chunk: Buffer, _, done) => {
          text += chunk.toString()
          done()
        },
      })
      const stderr = openOutput(Object.assign(stream, { isTTY: true, columns: 80 }))
      await runCliHere(['results', '--nothing'], { ...surroundings(), env, stderr })
      return text
    }
    const plain = await onTerminal({ NO_COLOR: '1' })
    expect(plain).not.toContain('\u001B')
    // An empty variable is none. Whether there are colours at all depends on the terminal of the test.
    expect(stripVTControlCharacters(await onTerminal({ NO_COLOR: '' }))).toBe(plain)
  })
})
