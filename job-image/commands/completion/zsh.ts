import { optionValues, placeOf } from './command-tree.ts'
import type { CommandSpec, Values } from './command-tree.ts'

/** A script that zsh sources, or finds as _rapidrmf in its fpath. */
export function zshCompletion(specs: readonly CommandSpec[]): string {
  const paths = specs.filter(({ path }) => path !== '').map(({ path }) => placeOf(path))
  const values = optionValues(specs).map(
    ({ places, values: each }) => `    ${patterns(places)}) ${offer(each)}; return ;;`,
  )
  const commands = specs.map((spec) => `    '${placeOf(spec.path)}')\n${everything(spec)}      ;;`)
  return `#compdef rapidrmf
# zsh completion for rapidrmf, written by "rapidrmf completion zsh".
_rapidrmf() {
  local command='' option=\${words[CURRENT - 1]} index
  local -a entries
  for ((index = 2; index < CURRENT; index++)); do
    case "$command \${words[index]}" in
      ${patterns(paths)}) command+=" \${words[index]}" ;;
    esac
  done
  if [[ \${words[CURRENT]} == --*=* ]]; then
    option=\${words[CURRENT]%%=*}
    compset -P 1 '*='
  fi
  case "$command $option" in
${values.join('\n')}
  esac
  case $command in
${commands.join('\n')}
  esac
}
if [[ $funcstack[1] == _rapidrmf ]]; then
  _rapidrmf "$@"
else
  compdef _rapidrmf rapidrmf
fi
`
}

function everything({ commands, options, arguments: values }: CommandSpec): string {
  const described = (kind: string, entries: readonly string[]): string =>
    entries.length === 0
      ? ''
      : `      entries=(\n${entries.map((entry) => `        ${quoted(entry)}\n`).join('')}      )\n      _describe ${kind} entries\n`
  return [
    described(
      'command',
      commands.map(({ name, description }) => `${name}:${description}`),
    ),
    values.words.length + Number(values.files) === 0 ? '' : `      ${offer(values)}\n`,
    described(
      '-o option',
      options.flatMap(({ names, description }) => names.map((name) => `${name}:${description}`)),
    ),
  ].join('')
}

function offer({ words, files }: Values): string {
  const offers = [
    ...(words.length === 0 ? [] : [`compadd -- ${words.join(' ')}`]),
    ...(files ? ['_files'] : []),
  ]
  return offers.length === 0 ? ':' : offers.join('; ')
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`
}

function patterns(texts: readonly string[]): string {
  return texts.map((text) => `'${text}'`).join(' | ')
}
