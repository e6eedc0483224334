import { expect, test } from 'vitest'
import { completionSpecs } from '../../../../job-image/commands/completion/command-tree.ts'
import { zshCompletion } from '../../../../job-image/commands/completion/zsh.ts'
import { TREE } from './tree.ts'

const SCRIPT = zshCompletion(completionSpecs(TREE))

/** The lines of a command's branch. */
function branch(place: string): string[] {
  const [, body = ''] = SCRIPT.split(`\n    '${place}')\n`)
  return body
    .slice(0, body.indexOf('      ;;'))
    .trim()
    .split('\n')
    .map((line) => line.trim())
}

test('each command has its subcommands, values and options, with descriptions', () => {
  expect(branch('')).toEqual(['entries=(', "'runs:Runs'", "'lint:'", ')', '_describe command entries'])
  expect(branch(' runs show')).toEqual([
    'compadd -- latest',
    'entries=(',
    String.raw`'--status:Only this one'\''s'`,
    "'--output:wide'",
    "'-o:wide'",
    "'--config:File'",
    "'--env:Name'",
    "'--json:JSON'",
    ')',
    '_describe -o option entries',
  ])
  expect(branch(' lint')).toEqual(['_files'])
})

test('the value of an option is offered instead', () => {
  const lines = SCRIPT.split('\n')
  expect(lines).toContain("    ' runs show --status') compadd -- pass not_pass; return ;;")
  expect(lines).toContain("    ' runs show --output' | ' runs show -o') compadd -- wide; return ;;")
  expect(lines).toContain("    ' runs show --config') _files; return ;;")
  expect(lines).toContain("    ' runs show --env') :; return ;;")
})

test('the script can be sourced and found by its name', () => {
  expect(SCRIPT).toMatch(/^#compdef rapidrmf\n/)
  expect(SCRIPT).toContain("      ' runs' | ' runs show' | ' lint') command+=")
})
