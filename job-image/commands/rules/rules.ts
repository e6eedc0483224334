import { array, command, multioption, option, optional, positional, restPositionals, string } from 'cmd-ts'
import { resolve } from 'node:path'
import { printable } from '../../../common/printable.ts'
import { EXIT, InputError } from '../../errors.ts'
import { write, writeJson } from '../../io.ts'
import type { Action, Io } from '../../io.ts'
import { tableWidth } from '../../output/table-width.ts'
import type { Column } from '../../output/table.ts'
import type { Explanation } from '../../rules/explain.ts'
import type { ListedRule } from '../../rules/list.ts'
import type { RulePack, RuleSet } from '../../rules/rule-set.ts'
import { group } from '../shared/group.ts'
import { configOption, formatArgs, jsonFlag } from '../shared/options.ts'
import { text } from '../shared/values.ts'

const rulesOption = multioption({
  long: 'rules',
  type: array(text('FILE')),
  description: 'Rule pack (YAML) to merge over those of the configuration; repeatable, later ones win',
})

/** Unlike elsewhere it may be missing, if it is the default one: then there is the built-in pack alone. */
const packOptions = { config: configOption, rules: rulesOption }

const list = command({
  name: 'list',
  description: 'List the rules in force',
  args: { ...packOptions, ...formatArgs },
  examples: [
    { description: 'With the packs of config.yaml', command: 'rapidrmf rules list' },
    { description: 'With a pack of your own besides', command: 'rapidrmf rules list --rules ours.yaml' },
  ],
  handler:
    ({ json, wide, ...options }): Action =>
    async (io) => {
      const { stdout } = io
      const { listRules } = await import('../../rules/list.ts')
      const { rules, packsText } = await rulesInForce(options, io)
      const rows = listRules(rules)
      if (json) {
        await writeJson(stdout, { packs: rules.packs, digest: rules.digest, rules: rows })
        return 0
      }
      const { renderTable } = await import('../../output/table.ts')
      await write(stdout, renderTable(COLUMNS, rows, { width: tableWidth(stdout, { wide }) }))
      await write(stdout, `Packs in force, later ones win: ${packsText}\n`)
      return 0
    },
})

const explain = command({
  name: 'explain',
  description: 'Say which rule a control takes, and what it needs',
  args: {
    control: positional({ displayName: 'CONTROL', type: string, description: 'Such as AC-2 or AC-2(1)' }),
    framework: option({
      long: 'framework',
      type: optional(text('NAME')),
      description: 'The framework of the control (default: the first of the packs that has a rule for it)',
    }),
    ...packOptions,
    json: jsonFlag,
  },
  examples: [
    {
      description: 'An enhancement takes the rule of its family',
      command: 'rapidrmf rules explain "AC-2(1)"',
    },
    {
      description: 'AC-2 of SP 800-171 is another control, without a rule',
      command: 'rapidrmf rules explain AC-2 --framework "NIST SP 800-171"',
    },
    { description: 'For a script', command: 'rapidrmf rules explain AC-2 --json' },
  ],
  handler:
    ({ control, framework, json, ...options }): Action =>
    async (io) => {
      const { explainControl } = await import('../../rules/explain.ts')
      const { rules, packsText } = await rulesInForce(options, io)
      const explanation = explainControl(rules, control, framework)
      if (json) await writeJson(io.stdout, { ...explanation, packs: rules.packs })
      else await write(io.stdout, explanationText(explanation, packsText))
      return 0
    },
})

const lint = command({
  name: 'lint',
  description: 'Check rule packs, together and over the built-in one; exit 2 if anything is wrong',
  args: {
    files: restPositionals({ displayName: 'FILE', type: string, description: 'Rule pack (YAML)' }),
    json: jsonFlag,
  },
  examples: [
    { description: 'Before a pack goes into use', command: 'rapidrmf rules lint ours.yaml' },
    {
      description: 'Packs that are used together',
      command: 'rapidrmf rules lint ours.yaml theirs.yaml --json',
    },
  ],
  handler:
    ({ files, json }): Action =>
    async ({ cwd, stdout }) => {
      if (files.length === 0) throw new InputError('name the rule packs to check: rapidrmf rules lint FILE…')
      const { lintPacks } = await import('../../rules/lint.ts')
      const { good, problems } = lintPacks(files.map((file) => resolve(cwd, file)))
      if (json) {
        await writeJson(stdout, { packs: good.map(packJson), problems })
        return problems.length > 0 ? EXIT.usage : EXIT.ok
      }
      for (const pack of good) await write(stdout, `${pack.file}: OK (${contentsOf(pack)})\n`)
      if (problems.length > 0) throw new InputError(problems)
      return 0
    },
})

export const rulesCommand = group({
  name: 'rules',
  description: 'Show, explain and check the rules that decide',
  cmds: { list, explain, lint },
})

type InForce = {
  readonly rules: RuleSet
  /** The packs by name, with their files. */
  readonly packsText: string
}

/** The rules as a run of this configuration would have them, and then the packs of `--rules`. */
async function rulesInForce(
  options: { readonly config: string; readonly rules: readonly string[] },
  io: Io,
): Promise<InForce> {
  const { rulePackPaths } = await import('../../config/config.ts')
  const { configIfAny } = await import('../../config/target.ts')
  const { loadRuleSet } = await import('../../rules/load.ts')
  const config = configIfAny(options.config, io)
  const configured = config === undefined ? [] : rulePackPaths(config)
  const given = options.rules.map((file) => resolve(io.cwd, file))
  const rules = loadRuleSet({ packs: [...configured, ...given] })
  const files = ['built-in', ...configured, ...options.rules]
  const packsText = rules.packs.map((name, index) => `${name} (${files[index]})`).join(', ')
  return { rules, packsText }
}

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
  { title: 'Framework', value: (rule) => rule.framework, minWidth: 11, rank: 5 },
  { title: 'Pack', value: (rule) => rule.pack, minWidth: 8, rank: 1 },
]

function explanationText(explanation: Explanation, packsText: string): string {
  const { control, framework, rule, why, title, pack, required_all: all, required_any: any } = explanation
  const lines: [label: string, text: string | null][] = [
    ['Control', control],
    ['Framework', framework],
    ['Rule', rule === null ? 'none' : `${rule} (${title}), from pack ${pack}`],
    ['Why', why],
    ['All of', all.join(', ')],
    ['One of', any.join(', ')],
    ['Prerequisites', explanation.prerequisites.map(prerequisiteText).join(', ')],
    ['Remediation', explanation.remediation],
    ['Also a rule in', explanation.also_in.join(', ')],
    ['Packs in force', packsText],
  ]
  const shown = lines.filter(([, text]) => text !== null && text !== '')
  const body = shown.map(([label, text]) => `${label.padEnd(15)}${printable(text ?? '')}\n`).join('')
  return `${body}Rows of control_requirements in the database, where a control has them, come before every rule.\n`
}

function prerequisiteText({ control, blocking }: Prerequisite): string {
  return `${control} (${blocking ? 'blocking' : 'advisory'})`
}

function packJson({ name, title, file, frameworks, controls, families, prerequisites }: RulePack): object {
  const counts = { controls: controls.size, families: families.size, prerequisites: prerequisites.length }
  return { name, title, file, frameworks, ...counts }
}

function contentsOf({ frameworks, controls, families, prerequisites }: RulePack): string {
  const parts = [
    `for ${frameworks.join(', ')}`,
    `controls: ${controls.size}`,
    `families: ${families.size}`,
    `prerequisites: ${prerequisites.length}`,
  ]
  return parts.join(', ')
}
