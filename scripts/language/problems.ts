/** A line of a comment or a text that people read. Lines count from 1. */
export type Line = { readonly path: string; readonly line: number; readonly text: string }

/** Words of a dialect, with the term of the trade that says the same. */
const BANNED: readonly (readonly [pattern: RegExp, instead: string])[] = [
  [/\b(?:told|tells?|telling)\b/i, 'report, log, notify, say'],
  [
    /\b(?:whoever|nobody|nobody's|somebody|somebody's)\b/i,
    'name who it is: a program, an operator, a person',
  ],
  [/\bin passing\b/i, 'transient'],
  [/\b(?:put|puts|putting) off\b/i, 'postpone'],
  [/\b(?:farewell|courier|last words)\b/i, 'shutdown, delivery, final report'],
  [/\b(?:does not|do not|did not) get on\b/i, 'is not making progress'],
  [/\bin a rush\b/i, 'during a burst'],
]

/** A doc comment that continues the name instead of being a sentence of its own. */
const BARE_PREPOSITION =
  /^\s*\/\*\*\s*(?:Of|For|In|On|With|By|To|From|At|Until|After|Before|Under|Within|Without|Beside|Behind|Above)\b/

/** The problems of lines, one text each, beginning with the place. */
export function languageProblems(lines: readonly Line[]): string[] {
  return lines.flatMap(({ path, line, text }) => [
    ...BANNED.filter(([pattern]) => pattern.test(text)).map(
      ([pattern, instead]) =>
        `${path}:${line}: "${pattern.exec(text)?.[0]}" is not used here; say: ${instead}`,
    ),
    ...(BARE_PREPOSITION.test(text)
      ? [`${path}:${line}: a doc comment begins with a noun or a verb, not with a preposition`]
      : []),
  ])
}

/** Counters of Prometheus end in `_total` (its naming rules), and nothing else does. */
export function metricProblems(path: string, source: string): string[] {
  return [...source.matchAll(/new (Counter|Gauge|Histogram)\(\{\s*name: [`']([^`']+)[`']/g)].flatMap(
    ([, kind, name = '']) =>
      (kind === 'Counter') === name.endsWith('_total')
        ? []
        : [`${path}: ${name} is a ${kind}: counters, and only they, end in _total`],
  )
}

/** The lines of a TypeScript source with a comment or a string; of anything else, all lines. */
export function readableLines(path: string, source: string): Line[] {
  const lines = source.split('\n').map((text, index) => ({ path, line: index + 1, text }))
  if (!path.endsWith('.ts')) return lines
  return lines.filter(({ text }) => /^\s*(?:\/\/|\/\*|\*)|['"`]|\/\/ /.test(text))
}
