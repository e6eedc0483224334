/** The parts of a command or a group that completion uses: a group has `cmds`, a command has help topics. */
export type CommandNode = {
  readonly description?: string
  readonly cmds?: Readonly<Record<string, CommandNode>>
  readonly helpTopics?: () => readonly HelpTopic[]
}

type HelpTopic = { readonly category: string; readonly usage: string; readonly description: string }

/** The completions of one position. Without words and files it is a free value. */
export type Values = { readonly words: readonly string[]; readonly files: boolean }

export type OptionSpec = {
  /** The spellings with dashes, the long one first. */
  readonly names: readonly string[]
  readonly description: string
  /** Undefined: the option is a flag. */
  readonly values: Values | undefined
}

/** A command or a group, under its words after the program's name: `runs show`; of the program itself there are none. */
export type CommandSpec = {
  readonly path: string
  readonly description: string
  readonly commands: readonly { readonly name: string; readonly description: string }[]
  readonly options: readonly OptionSpec[]
  readonly arguments: Values
}

/** Every command and group of the tree, the root first. */
export function completionSpecs(node: CommandNode, path: readonly string[] = []): CommandSpec[] {
  const children = Object.entries(node.cmds ?? {})
  const topics = node.helpTopics?.() ?? []
  const values = topics.filter(({ category }) => category === 'arguments').map(({ usage }) => valuesOf(usage))
  const spec = {
    path: path.join(' '),
    description: node.description ?? '',
    commands: children.map(([name, { description = '' }]) => ({ name, description })),
    options: topics.flatMap(optionOf),
    arguments: {
      words: values.flatMap(({ words }) => words),
      files: values.some(({ files }) => files),
    },
  }
  return [spec, ...children.flatMap(([name, child]) => completionSpecs(child, [...path, name]))]
}

/** cmd-ts: `--output, -o <wide>`, or `--json`; positional arguments are no options. */
const OPTION = /^(--[a-z-]+)(?:, (-[a-z]))?(?: <(.+)>)?$/

function optionOf({ usage, description }: HelpTopic): OptionSpec[] {
  const [, long, short, value] = OPTION.exec(usage) ?? []
  if (long === undefined) return []
  const names = short === undefined ? [long] : [long, short]
  return [{ names, description, values: value === undefined ? undefined : valuesOf(value) }]
}

/** A word that is typed as it stands; none of its characters means anything to a shell. */
const WORD = /^[a-z0-9][a-z0-9_.-]*$/

/** Parses the display name of a value (commands/values.ts): `FILE`, `pass|fail`, `ID|latest`, also in brackets. */
function valuesOf(usage: string): Values {
  const parts = usage.replaceAll(/[<>[\]]|\.\.\./g, '').split('|')
  return { words: parts.filter((part) => WORD.test(part)), files: parts.includes('FILE') }
}

/** The options that take a value, gathered by what they take: each place is `command option`, after a space. */
export function optionValues(
  specs: readonly CommandSpec[],
): { readonly places: readonly string[]; readonly values: Values }[] {
  const found = specs.flatMap(({ path, options }) =>
    options.flatMap(({ names, values }) =>
      values === undefined ? [] : names.map((name) => ({ place: `${placeOf(path)} ${name}`, values })),
    ),
  )
  const groups = Map.groupBy(found, ({ values }) => JSON.stringify(values))
  return [...groups.values()].map((group) => ({
    places: group.map(({ place }) => place),
    values: group[0]?.values ?? { words: [], files: false },
  }))
}

/** A path as the scripts build it, word by word: each after a space. */
export function placeOf(path: string): string {
  return path === '' ? '' : ` ${path}`
}
