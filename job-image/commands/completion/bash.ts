import { optionValues, placeOf } from './command-tree.ts'
import type { CommandSpec, Values } from './command-tree.ts'

/** A script for bash 3.2 and newer, without the package bash-completion. */
export function bashCompletion(specs: readonly CommandSpec[]): string {
  const paths = specs.filter(({ path }) => path !== '').map(({ path }) => placeOf(path))
  const values = optionValues(specs).map(
    ({ places, values: each }) => `    ${patterns(places)}) ${assignments(each)} ;;`,
  )
  const commands = specs.map((spec) => `        '${placeOf(spec.path)}') ${assignments(everything(spec))} ;;`)
  return `# bash completion for rapidrmf, written by "rapidrmf completion bash".
_rapidrmf() {
  local current=\${COMP_WORDS[COMP_CWORD]} option=\${COMP_WORDS[COMP_CWORD - 1]}
  local command='' words='' files='' index
  # bash splits --option=value at the equals sign.
  if [[ $current == = ]]; then
    current=''
  elif [[ $option == = ]]; then
    option=\${COMP_WORDS[COMP_CWORD - 2]}
  fi
  for ((index = 1; index < COMP_CWORD; index++)); do
    case "$command \${COMP_WORDS[index]}" in
      ${patterns(paths)}) command+=" \${COMP_WORDS[index]}" ;;
    esac
  done
  case "$command $option" in
${values.join('\n')}
    *)
      case $command in
${commands.join('\n')}
      esac
      ;;
  esac
  COMPREPLY=()
  if [[ $files && $current != -* ]]; then
    # readline completes files itself where there is no other answer; bash 3.2 has no compopt.
    compopt -o default 2>/dev/null
  else
    COMPREPLY=($(compgen -W "$words" -- "$current"))
  fi
}
complete -F _rapidrmf rapidrmf
`
}

function everything({ commands, options, arguments: values }: CommandSpec): Values {
  const names = [...commands.map(({ name }) => name), ...options.flatMap((option) => option.names)]
  return { words: [...values.words, ...names], files: values.files }
}

function assignments({ words, files }: Values): string {
  return [...(words.length === 0 ? [] : [`words='${words.join(' ')}'`]), ...(files ? ['files=1'] : [])].join(
    ' ',
  )
}

function patterns(texts: readonly string[]): string {
  return texts.map((text) => `'${text}'`).join(' | ')
}
