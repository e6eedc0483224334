import { InputError } from '../errors.ts'
import type { Problem } from '../errors.ts'
import type { Io } from '../io.ts'

/** A text of the configuration as it is written there, variables and all, and how to speak of its place. */
export type Setting = {
  readonly text: string
  readonly problem: (message: string) => Problem
}

/** `$${` (the characters `${` themselves), `${NAME}`, `${NAME:-default}`, or a `${` that is none of these. */
const REFERENCE = /\$\$\{|\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}|\$\{/g

/**
 * The problem of the references of a text, independent of the values of variables. It never quotes the text, which may
 * contain a password.
 */
export function referenceProblem(text: string): string | undefined {
  const broken = [...text.matchAll(REFERENCE)].some(([whole]) => whole === '${')
  return broken
    ? 'a "${" that is not ${NAME} or ${NAME:-default}; write "$${" for the characters themselves'
    : undefined
}

/**
 * The text with its variables put in; `:-` gives the value of a variable that is unset or empty, as in a shell.
 * Throws an InputError that names an unset variable. Called when a value is used, not before: a variable that only
 * another environment needs does not have to exist.
 */
export function expand({ text, problem }: Setting, env: Io['env']): string {
  return text.replace(REFERENCE, (whole, name: string | undefined, fallback: string | undefined) => {
    if (name === undefined) return '${'
    const value = env[name]
    if (value !== undefined && (value !== '' || fallback === undefined)) return value
    if (fallback !== undefined) return fallback
    throw new InputError(
      problem(`the environment variable ${name} is not set; set it, or write \${${name}:-default}`),
    )
  })
}
