import { describe, expect, test } from 'vitest'
import { helpOfEveryCommand } from '../support/help.ts'

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
