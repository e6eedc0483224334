import { expect } from 'vitest'
import { runArgv } from './run-command.ts'

export type Help = { readonly argv: readonly string[]; readonly text: string }

/** Matches the line `- name - description` with which cmd-ts lists a subcommand. */
const SUBCOMMAND = /^- (\S+) - (\S.*)$/gm

/** Returns all commands of the program from its help. */
export function helpOfEveryCommand(): Promise<Help[]> {
  return commandsUnder([])
}

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
