import { describe, expect, test } from 'vitest'
import { runArgv } from '../support/run-command.ts'

type Help = { readonly argv: readonly string[]; readonly text: string }

/** cmd-ts: `- name - description`, where a group lists its subcommands. */
const SUBCOMMAND = /^- (\S+) - (\S.*)$/gm

/** Every command of the program, as its own help tells of it. */
async function commandsUnder(argv: readonly string[]): Promise<Help[]> {
  const { code, out, err } = await runArgv([...argv, '--help'], { cwd: import.meta.dirname })
  expect({ argv, code, err }).toEqual({ argv, code: 0, err: '' })
  const text = out.replaceAll(ESCAPES, '')
  if (!text.includes('where <subcommand> can be one of:')) return [{ argv, text }]
  const names = [...text.matchAll(SUBCOMMAND)].map(([, name = '']) => name)
  expect(names).not.toEqual([])
  return (await Promise.all(names.map((name) => commandsUnder([...argv, name])))).flat()
}

// oxlint-disable-next-line no-control-regex -- a terminal's colours begin so
const ESCAPES = /\u001B\[[0-9;]*m/g

const commands = await commandsUnder([])

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
    for (const line of commandLines) expect(line).toMatch(/^\s*\$? ?rapidrmf /)
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
