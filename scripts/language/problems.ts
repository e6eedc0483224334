/** A line of a comment or a text that people read. Lines count from 1. */
export type Line = { readonly path: string; readonly line: number; readonly text: string }

/** Words of a dialect, with the term of the trade that says the same. */
const BANNED: readonly (readonly [pattern: RegExp, instead: string])[] = [
  [/\b(?:told|tells?|telling)\b/i, 'report, log, notify, say'],
  // PostgreSQL and pgbouncer run as the Unix account 'nobody', which is in quotes.
  [
    /\b(?:whoever|somebody)\b|\bnobody(?:'s\b|\b(?!['"]))/i,
    'name who it is: a program, an operator, a person',
  ],
  [/\bin passing\b/i, 'transient'],
  [/\b(?:put|puts|putting) off\b/i, 'postpone'],
  [/\b(?:farewell|courier|last words)\b/i, 'shutdown, delivery, final report'],
  [/\b(?:does not|do not|did not) get on\b/i, 'is not making progress'],
  [/\bin a rush\b/i, 'during a burst'],
  [/\b(?:goes|go|went) on\b/, 'continue'],
  [/\b(?:heard|hears? of)\b/i, 'receive, know'],
  [/\bdear(?:er)?\b/i, 'expensive'],
  [/\bjudge[ds]?\b/i, 'evaluate'],
  [/\bneighbours?\b/i, 'abandoned runs; another schedule'],
  [/\baddressees?\b/i, 'sink'],
  [/\bnothing is known\b|\bin vain\b|\bno good\b|\ball the same\b/i, 'say plainly what is true'],
  [/\bstands above\b/i, 'override'],
  [/\bwithout a word\b|\bin (?:its|their|the) words\b/i, 'without an error; with the message of'],
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

/** The file endings whose lines are all read by people. */
const TEXTS = /\.(?:md|yaml|tpl|txt|sql)$/

/** The file endings of sources, of which people read comments and strings. */
const SOURCES = /\.(?:ts|cjs|mjs|go)$/

/** True for files whose language is checked. */
export function isReadable(path: string): boolean {
  return TEXTS.test(path) || SOURCES.test(path)
}

/** The lines of a source with a comment or a string; of a text, all lines without the titles of tests that it quotes. */
export function readableLines(path: string, source: string): Line[] {
  const text = TEXTS.test(path)
    ? source.replaceAll(/“[^”]*”/g, (title) => title.replaceAll(/[^\n]/g, ''))
    : source
  const lines = text.split('\n').map((line, index) => ({ path, line: index + 1, text: line }))
  if (!SOURCES.test(path)) return lines
  return lines.filter((line) => /^\s*(?:\/\/|\/\*|\*)|['"`]|\/\/ /.test(line.text))
}
