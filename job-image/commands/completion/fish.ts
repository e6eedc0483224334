import { placeOf } from './command-tree.ts'
import type { CommandSpec, OptionSpec, Values } from './command-tree.ts'

/** A script for fish 3 and newer. */
export function fishCompletion(specs: readonly CommandSpec[]): string {
  const paths = specs.filter(({ path }) => path !== '').map(({ path }) => `'${placeOf(path)}'`)
  return `# fish completion for rapidrmf, written by "rapidrmf completion fish".
function __rapidrmf_at --argument-names wanted
    set -l command ''
    set -l words (commandline -opc)
    set -e words[1]
    for word in $words
        switch "$command $word"
            case ${paths.join(' ')}
                set command "$command $word"
        end
    end
    test "$command" = "$wanted"
end
complete -c rapidrmf -f
${specs.flatMap(lines).join('\n')}
`
}

function lines({ path, commands, options, arguments: values }: CommandSpec): string[] {
  const at = `complete -c rapidrmf -n '__rapidrmf_at "${placeOf(path)}"'`
  return [
    ...commands.map(({ name, description }) => `${at} -a ${name} -d ${quoted(description)}`),
    ...(values.words.length === 0 ? [] : [`${at} -a '${values.words.join(' ')}'`]),
    ...(values.files ? [`${at} -F`] : []),
    ...options.map((option) => `${at} ${optionText(option)}`),
  ]
}

function optionText({ names, description, values }: OptionSpec): string {
  const named = names.map((name) => (name.startsWith('--') ? `-l ${name.slice(2)}` : `-s ${name.slice(1)}`))
  return [...named, ...(values === undefined ? [] : [valueText(values)]), `-d ${quoted(description)}`].join(
    ' ',
  )
}

/** `-x`: a value is needed, and no file is one. */
function valueText({ words, files }: Values): string {
  if (files) return '-r -F'
  return words.length === 0 ? '-x' : `-x -a '${words.join(' ')}'`
}

function quoted(text: string): string {
  return `'${text.replaceAll(/[\\']/g, String.raw`\$&`)}'`
}
