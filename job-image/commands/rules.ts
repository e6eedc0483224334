import { array, command, multioption, positional, restPositionals, string, subcommands } from 'cmd-ts'
import { resolve } from 'node:path'
import { InputError } from '../errors.ts'
import { write, writeJson } from '../io.ts'
import type { Action } from '../io.ts'
import type { Column } from '../output/table.ts'
import type { Explanation } from '../rules/explain.ts'
import type { ListedRule } from '../rules/list.ts'
import type { RulePack } from '../rules/rule-set.ts'
import { jsonFlag } from './options.ts'

const rulesOption = multioption({
  long: 'rules',
  type: array(string),
  description: 'Rule pack (YAML) to merge over the built-in one; repeatable, later ones win',
})

const list = command({
  name: 'list',
  description: 'List the rules in force',
  args: { rules: rulesOption, json: jsonFlag },
  handler:
    ({ rules: files, json }): Action =>
    async ({ cwd, stdout }) => {
      const { loadRuleSet } = await import('../rules/load.ts')
      const { listRules } = await import('../rules/list.ts')
      const rules = loadRuleSet({ packs: files.map((file) => resolve(cwd, file)) })
      const rows = listRules(rules)
      if (json) {
        await writeJson(stdout, { packs: rules.packs, digest: rules.digest, rules: rows })
        return 0
      }
      const { renderTable } = await import('../output/table.ts')
      await write(stdout, renderTable(COLUMNS, rows, { width: stdout.isTTY ? stdout.columns : undefined }))
      return 0
    },
})

const explain = command({
  name: 'explain',
  description: 'Say which rule a control takes, and what it needs',
  args: {
    control: positional({ displayName: 'control', type: string, description: 'Such as AC-2 or AC-2(1)' }),
    rules: rulesOption,
    json: jsonFlag,
  },
  handler:
    ({ control, rules: files, json }): Action =>
    async ({ cwd, stdout }) => {
      const { loadRuleSet } = await import('../rules/load.ts')
      const { explainControl } = await import('../rules/explain.ts')
      const rules = loadRuleSet({ packs: files.map((file) => resolve(cwd, file)) })
      const explanation = explainControl(rules, control)
      if (json) await writeJson(stdout, explanation)
      else await write(stdout, explanationText(explanation))
      return 0
    },
})

const lint = command({
  name: 'lint',
  description: 'Check rule packs, together and over the built-in one',
  args: { files: restPositionals({ displayName: 'file', type: string, description: 'Rule pack (YAML)' }) },
  handler:
    ({ files }): Action =>
    async ({ cwd, stdout }) => {
      if (files.length === 0) throw new InputError('name the rule packs to check: rapidrmf rules lint FILE…')
      const { lintPacks } = await import('../rules/lint.ts')
      const { good, problems } = lintPacks(files.map((file) => resolve(cwd, file)))
      for (const pack of good) await write(stdout, `${pack.file}: OK (${contentsOf(pack)})\n`)
      if (problems.length > 0) throw new InputError(problems)
      return 0
    },
})

export const rulesCommand = subcommands({
  name: 'rules',
  description: 'Show, explain and check the rules that decide',
  cmds: { list, explain, lint },
})

type Prerequisite = Explanation['prerequisites'][number]

const COLUMNS: readonly Column<ListedRule>[] = [
  { title: 'Applies to', value: (rule) => rule.applies_to },
  { title: 'All of', value: (rule) => rule.required_all.join(', '), minWidth: 14 },
  { title: 'One of', value: (rule) => rule.required_any.join(', '), minWidth: 14 },
  {
    title: 'Prerequisites',
    value: (rule) => rule.prerequisites.map(prerequisiteText).join(', '),
    minWidth: 13,
  },
  { title: 'Pack', value: (rule) => rule.pack, minWidth: 8 },
]

function explanationText(explanation: Explanation): string {
  const { control, rule, why, title, pack, required_all: all, required_any: any } = explanation
  const lines: [label: string, text: string | null][] = [
    ['Control', control],
    ['Rule', rule === null ? 'none' : `${rule} (${title}), from pack ${pack}`],
    ['Why', why],
    ['All of', all.join(', ')],
    ['One of', any.join(', ')],
    ['Prerequisites', explanation.prerequisites.map(prerequisiteText).join(', ')],
    ['Remediation', explanation.remediation],
  ]
  const told = lines.filter(([, text]) => text !== null && text !== '')
  const body = told.map(([label, text]) => `${label.padEnd(15)}${text}\n`).join('')
  return `${body}Rows of control_requirements in the database, where a control has them, come before every rule.\n`
}

function prerequisiteText({ control, blocking }: Prerequisite): string {
  return `${control} (${blocking ? 'blocking' : 'advisory'})`
}

function contentsOf({ controls, families, prerequisites }: RulePack): string {
  const parts = [
    `controls: ${controls.size}`,
    `families: ${families.size}`,
    `prerequisites: ${prerequisites.length}`,
  ]
  return parts.join(', ')
}
