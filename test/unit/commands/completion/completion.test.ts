import { execFileSync, spawnSync } from 'node:child_process'
import { describe, expect, test } from 'vitest'
import { helpOfEveryCommand } from '../../../support/help.ts'
import { createFolder, runArgv } from '../../../support/run-command.ts'

const folder = createFolder()

async function script(shell: string): Promise<string> {
  const { code, out, err } = await runArgv(['completion', shell], { cwd: folder.path })
  expect({ code, err }).toEqual({ code: 0, err: '' })
  return folder.write(`rapidrmf.${shell}`, out)
}

const has = (program: string): boolean => spawnSync(program, ['--version']).error === undefined

/** What bash offers for a command line whose last word is being typed. */
function offered(file: string, line: string): string[] {
  // As readline does: the equals sign is a word of its own.
  const words = line.split(/ |(?==)|(?<==)/)
  const call = `
    source "$1"; shift
    complete -p rapidrmf >&2
    COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
    _rapidrmf
    printf '%s\\n' "\${COMPREPLY[@]}"`
  const { status, stdout, stderr } = spawnSync('bash', ['--norc', '-uc', call, 'bash', file, ...words], {
    cwd: folder.path,
    encoding: 'utf8',
  })
  expect({ status, stderr }).toEqual({ status: 0, stderr: 'complete -F _rapidrmf rapidrmf\n' })
  return stdout.split('\n').filter((each) => each !== '')
}

describe('in bash', async () => {
  const file = await script('bash')

  test.each([
    ['rapidrmf sch', ['scheduler', 'schedules']],
    ['rapidrmf scheduler ', ['start', 'once', 'runs']],
    ['rapidrmf runs s', ['show', 'systems']],
    ['rapidrmf runs show la', ['latest']],
    ['rapidrmf results --st', ['--status']],
    ['rapidrmf results --status ', ['pass', 'fail', 'insufficient_evidence', 'unknown']],
    ['rapidrmf results --env production --status=in', ['insufficient_evidence']],
    ['rapidrmf results --status=', ['pass', 'fail', 'insufficient_evidence', 'unknown']],
    ['rapidrmf runs list --status ', ['running', 'success', 'failed']],
    ['rapidrmf runs list -o ', ['wide']],
    ['rapidrmf notify list --state p', ['pending']],
    ['rapidrmf completion ', ['bash', 'zsh', 'fish', '--help', '-h']],
    // A value that the user chooses; one that looks like a command; files, which readline completes.
    ['rapidrmf results --env ', []],
    ['rapidrmf results --system runs --js', ['--json']],
    ['rapidrmf rules lint ', []],
    ['rapidrmf rules lint --j', ['--json']],
    ['rapidrmf nothing', []],
  ])('%j', (line, words) => {
    expect(offered(file, line)).toEqual(words)
  })

  test('knows every command with every option of its help', async () => {
    for (const { argv, text } of await helpOfEveryCommand()) {
      const names = [...text.split('EXAMPLES:')[0]!.matchAll(/^ {2}(--[a-z-]+)/gm)].map(([, name]) => name)
      expect(names.length).toBeGreaterThan(0)
      expect(new Set(offered(file, `rapidrmf ${argv.join(' ')} --`))).toEqual(new Set(names))
    }
  })
})

test.skipIf(!has('zsh'))('zsh reads its script', async () => {
  const call = 'autoload -Uz compinit && compinit -D && source ./$1 && print $_comps[rapidrmf]'
  expect(
    execFileSync('zsh', ['-fc', call, 'zsh', await script('zsh')], { cwd: folder.path }).toString(),
  ).toBe('_rapidrmf\n')
})

test.skipIf(!has('fish'))('fish completes by its script', async () => {
  const call = `source ${await script('fish')}; complete -C 'rapidrmf results --status p'`
  expect(execFileSync('fish', ['--no-config', '-c', call], { cwd: folder.path }).toString()).toMatch(
    /^pass\b/,
  )
})

test('another shell is refused', async () => {
  const { code, err } = await runArgv(['completion', 'tcsh'], { cwd: folder.path })
  expect(code).toBe(2)
  expect(err).toContain("'bash', 'zsh', 'fish'")
})
