import { expect, test } from 'vitest'
import { completionSpecs } from '../../../../job-image/commands/completion/command-tree.ts'
import { fishCompletion } from '../../../../job-image/commands/completion/fish.ts'
import { TREE } from './tree.ts'

const LINES = fishCompletion(completionSpecs(TREE)).split('\n')
const at = (place: string): string[] =>
  LINES.flatMap((line) => {
    const start = `complete -c rapidrmf -n '__rapidrmf_at "${place}"' `
    return line.startsWith(start) ? [line.slice(start.length)] : []
  })

test('each command has its subcommands, values and options', () => {
  expect(at('')).toEqual(["-a runs -d 'Runs'", "-a lint -d ''"])
  expect(at(' runs')).toEqual(["-a show -d 'Show one'"])
  expect(at(' runs show')).toEqual([
    "-a 'latest'",
    String.raw`-l status -x -a 'pass not_pass' -d 'Only this one\'s'`,
    "-l output -s o -x -a 'wide' -d 'wide'",
    "-l config -r -F -d 'File'",
    "-l env -x -d 'Name'",
    "-l json -d 'JSON'",
  ])
  expect(at(' lint')).toEqual(['-F'])
})

test('the words of a command line are followed along these paths', () => {
  expect(LINES).toContain("            case ' runs' ' runs show' ' lint'")
  expect(LINES).toContain('complete -c rapidrmf -f')
})
