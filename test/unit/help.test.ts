import { describe, expect, test } from 'vitest'
import { runCli } from '../support/cli.ts'
import { helpOfEveryCommand } from '../support/help.ts'
import { runArgv } from '../support/run-command.ts'

const commands = await helpOfEveryCommand()

test('the walk finds the commands', () => {
  expect(commands.map(({ argv }) => argv.join(' '))).toEqual(
    expect.arrayContaining([
      'scheduler once',
      'runs show',
      'results',
      'catalog import',
      'inventory apply',
      'rules explain',
      'config check',
      'db prune',
      'schedules preview',
    ]),
  )
})

describe.each(commands)('rapidrmf $argv --help', ({ argv, text }) => {
  test('has examples, each a line of this command with a word about it', () => {
    const lines = (text.split('EXAMPLES:\n')[1] ?? '').split('\n').filter((line) => line.trim() !== '')
    const commandLines = lines.filter((line) => line.includes('rapidrmf '))
    expect(commandLines).not.toEqual([])
    for (const line of commandLines) expect(line).toMatch(/^\s*\$ (rapidrmf |source <\(rapidrmf )/)
    expect(commandLines.some((line) => line.includes(`rapidrmf ${argv.join(' ')}`))).toBe(true)
  })

  test('describes the command, and every argument and option', () => {
    expect(text).toMatch(/^> \S/m)
    const options = text
      .split('EXAMPLES:')[0]!
      .split('\n')
      .filter((line) => /^  \S/.test(line))
    expect(options.length).toBeGreaterThan(1)
    for (const line of options) expect(line).toMatch(/^  \S.* - \S/)
  })
})

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
