import { spawnSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { bashCompletion } from '../../../../job-image/commands/completion/bash.ts'
import { completionSpecs } from '../../../../job-image/commands/completion/command-tree.ts'
import { TREE } from './tree.ts'

const SCRIPT = bashCompletion(completionSpecs(TREE))

/** What bash offers for these words, the last of which is being typed. */
function offered(...words: string[]): string[] {
  const call = `${SCRIPT}
COMP_WORDS=(rapidrmf "$@"); COMP_CWORD=$#
_rapidrmf
printf '%s\\n' "\${COMPREPLY[@]}"`
  const { status, stdout, stderr } = spawnSync('bash', ['--norc', '-uc', call, 'bash', ...words], {
    encoding: 'utf8',
  })
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  return stdout.split('\n').filter((word) => word !== '')
}

test.each([
  [[''], ['runs', 'lint']],
  [['r'], ['runs']],
  [['runs', ''], ['show']],
  [['runs', 'show', 'l'], ['latest']],
  [['runs', 'show', '--s'], ['--status']],
  [
    ['runs', 'show', '-'],
    ['--status', '--output', '-o', '--config', '--env', '--json'],
  ],
  [
    ['runs', 'show', '--status', ''],
    ['pass', 'not_pass'],
  ],
  [['runs', 'show', '--status', '=', 'n'], ['not_pass']],
  [
    ['runs', 'show', '--status', '='],
    ['pass', 'not_pass'],
  ],
  [['runs', 'show', '-o', ''], ['wide']],
  [['runs', 'show', '--env', ''], []],
  [['runs', 'show', '--config', ''], []],
  [['lint', ''], []],
  [
    ['show', ''],
    ['runs', 'lint'],
  ],
])('after %j, bash offers %j', (words, expected) => {
  expect(offered(...words)).toEqual(expected)
})
