import { truncate } from '../../common/text.ts'
import { plural } from '../plural.ts'
import type { Notice } from './notice.ts'

/** A notice as plain text; each transport escapes it. */
export type Message = {
  /** One line. */
  readonly title: string
  readonly text: string
  readonly facts: readonly (readonly [name: string, value: string])[]
}

export function messageOf(notice: Notice): Message {
  const { run } = notice
  return { title: oneLine(titleOf(notice), 150), text: oneLine(run.message, 1_000), facts: factsOf(notice) }
}

function titleOf({ trigger, run, previous }: Notice): string {
  const change = previous === null ? run.verdict : `${previous.verdict} → ${run.verdict}`
  switch (trigger) {
    case 'test':
      return 'Test notice of RapidRMF: this is what a notice looks like'
    case 'errored':
      return `Validation of ${run.environment} broke`
    case 'worse':
      return `Validation of ${run.environment} got worse: ${change}`
    case 'recovered':
      return `Validation of ${run.environment} recovered: ${change}`
    case 'findings':
      return `Validation of ${run.environment}: not everything passed (${run.verdict})`
    case 'always':
      return `Validation of ${run.environment}: ${run.verdict}`
  }
}

function factsOf({ run, previous }: Notice): (readonly [string, string])[] {
  const { counts, runId, schedule } = run
  const facts: (readonly [string, string | null])[] = [
    ['Verdict', run.verdict],
    ['Last time', previous === null ? null : `${previous.verdict} (run ${previous.runId})`],
    [
      'Results',
      `${counts.pass} pass, ${counts.fail} fail, ${counts.insufficientEvidence} insufficient evidence, ` +
        `${counts.unknown} unknown, ${plural(counts.errors, 'error')}`,
    ],
    ['Environment', run.environment],
    ['Scope', run.scope?.text ?? null],
    ['Schedule', schedule],
    ['Run', runId === null ? null : `${runId} (key ${run.runKey})`],
    ['Finished', run.finishedAt],
    ['More', runId === null ? null : `rapidrmf runs show ${runId}`],
  ]
  return facts.flatMap(([name, value]) => (value === null ? [] : [[name, oneLine(value, 300)] as const]))
}

/**
 * Replaces line breaks and control characters: a name must not end a header or start a line that imitates ours. Format
 * characters are replaced, too, because they can reverse the direction of the following text.
 */
function oneLine(text: string, max: number): string {
  return truncate(text.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, ' ').trim(), max)
}
