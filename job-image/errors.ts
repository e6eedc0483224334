import { EXIT } from '../common/exit-codes.ts'

export { asError } from '../common/as-error.ts'
export { EXIT } from '../common/exit-codes.ts'

/** One thing that is wrong with what the user gave us, and where. Lines and columns count from 1. */
export type Problem = {
  readonly message: string
  readonly file?: string
  readonly line?: number
  readonly column?: number
}

/** The user must change something (a file, a flag, a permission) before a retry can help. Exit code 2. */
export class InputError extends Error {
  override readonly name = 'InputError'
  readonly problems: readonly Problem[]

  constructor(problems: string | Problem | readonly Problem[], options?: ErrorOptions) {
    const list = typeof problems === 'string' ? [{ message: problems }] : [problems].flat()
    super(list.map(formatProblem).join('\n'), options)
    this.problems = list
  }
}

/** The work broke although the input was good; a later try may succeed. Exit code 1. */
export class RunError extends Error {
  override readonly name = 'RunError'
}

/** Stopped from outside (SIGTERM, SIGINT, an abort) with work left. Exit code 143. */
export class InterruptedError extends Error {
  override readonly name = 'InterruptedError'
}

export function formatProblem({ file, line, column, message }: Problem): string {
  const place = [file, line, column].filter((part) => part !== undefined).join(':')
  return place === '' ? message : `${place}: ${message}`
}

export function exitCodeOf(error: unknown): number {
  if (error instanceof InputError) return EXIT.usage
  if (error instanceof InterruptedError) return EXIT.interrupted
  return EXIT.failed
}
