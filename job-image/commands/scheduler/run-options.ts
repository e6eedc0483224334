import { defined } from '../../../common/defined.ts'
import { array, flag, multioption, option, optional } from 'cmd-ts'
import type { Selection } from '../../../crds/selection.ts'
import type { IncrementalOptions } from '../../config/incremental.ts'
import { PUBLISH } from '../../config/publish.ts'
import { InputError } from '../../errors.ts'
import { MAX_CONCURRENCY } from '../../run/options.ts'
import { positiveInteger } from '../shared/numbers.ts'
import { choice, text } from '../shared/values.ts'

const many = (long: string, displayName: Uppercase<string>, description: string) =>
  multioption({ long, type: array(text(displayName)), description })

/** The selection options of all commands that start runs. Each may be repeated. */
export const selectionArgs = {
  system: many('system', 'NAMES', 'Only these systems: names, or patterns with * and ?, separated by commas'),
  excludeSystem: many('exclude-system', 'NAMES', 'Not these systems'),
  systemLabel: many('system-label', 'KEY=VALUE', 'Only systems with this attribute'),
  control: many('control', 'IDS', 'Only these controls: ids such as AC-2(1), or patterns such as "AC-*"'),
  excludeControl: many('exclude-control', 'IDS', 'Not these controls'),
  family: many('family', 'FAMILIES', 'Only these families, in addition to those of --control'),
  baseline: many('baseline', 'NAME', 'Of these controls, only members of the baseline, such as moderate'),
  framework: many(
    'framework',
    'NAME',
    'Of these controls, only those of this framework, such as nist-800-53-rev5',
  ),
  allowEmpty: flag({
    long: 'allow-empty',
    description: 'A selection that matches nothing is Incomplete (exit 0) and no error (exit 2)',
  }),
}

export type SelectionOptions = {
  readonly system: readonly string[]
  readonly excludeSystem: readonly string[]
  readonly systemLabel: readonly string[]
  readonly control: readonly string[]
  readonly excludeControl: readonly string[]
  readonly family: readonly string[]
  readonly baseline: readonly string[]
  readonly framework: readonly string[]
  readonly allowEmpty: boolean
}

/** A flag for systems overrides all other sources for systems; the same holds for controls. */
export function selectionFrom(options: SelectionOptions): Selection | undefined {
  const include = listed('--system', options.system)
  const exclude = listed('--exclude-system', options.excludeSystem)
  const matchLabels = labels(listed('--system-label', options.systemLabel))
  const controls = listed('--control', options.control)
  const excludeControls = listed('--exclude-control', options.excludeControl)
  const families = listed('--family', options.family)
  const baseline = single('baseline', options.baseline)
  const framework = single('framework', options.framework)
  const restrictsSystems = [include, exclude, matchLabels].some((part) => part !== undefined)
  const restrictsControls = [controls, excludeControls, families, baseline, framework].some(
    (part) => part !== undefined,
  )
  const selection: Selection = defined({
    systems: restrictsSystems ? { include, exclude, matchLabels } : undefined,
    controls: restrictsControls
      ? { include: controls, exclude: excludeControls, families, baseline, framework }
      : undefined,
    allowEmpty: options.allowEmpty || undefined,
  })
  return Object.keys(selection).length === 0 ? undefined : selection
}

function single(what: 'baseline' | 'framework', values: readonly string[]): string | undefined {
  const [value, ...others] = listed(`--${what}`, values) ?? []
  if (others.length > 0) throw new InputError(`--${what}: a run has one ${what}; keep one of them`)
  return value
}

function listed(name: string, values: readonly string[]): string[] | undefined {
  if (values.length === 0) return undefined
  const parts = values.flatMap((value) => value.split(',')).map((part) => part.trim())
  if (parts.includes('')) throw new InputError(`${name}: expected a value, and one between any two commas`)
  return parts
}

function labels(given: readonly string[] | undefined): Record<string, string> | undefined {
  if (given === undefined) return undefined
  const found = new Map<string, string>()
  for (const text of given) {
    const at = text.indexOf('=')
    if (at < 1) throw new InputError(`--system-label: expected key=value, found ${JSON.stringify(text)}`)
    const key = text.slice(0, at)
    const value = text.slice(at + 1)
    if ((found.get(key) ?? value) !== value) {
      throw new InputError(
        `--system-label: ${key} is given twice; one system rarely has both (matchExpressions with In mean either)`,
      )
    }
    found.set(key, value)
  }
  return Object.fromEntries(found)
}

/** The options that choose between a full and an incremental run. */
export const incrementalArgs = {
  incremental: flag({
    long: 'incremental',
    description: 'Decide only the systems whose evidence, rules or controls have changed',
  }),
  full: flag({ long: 'full', description: 'Evaluate all systems; overrides the configuration' }),
  fullEvery: option({
    long: 'full-every',
    type: optional(text('AGE')),
    description:
      'With --incremental: decide everything once decisions are this old (90m, 24h, 7d, 1mo). Default: 7d',
  }),
}

export function incrementalFrom(options: {
  readonly incremental: boolean
  readonly full: boolean
  readonly fullEvery: string | undefined
}): IncrementalOptions {
  const { incremental, full, fullEvery } = options
  if (incremental && full) throw new InputError('--incremental and --full are opposites; give one of them')
  return { incremental: full ? false : incremental || undefined, fullEvery }
}

export const publishOption = option({
  long: 'publish',
  type: optional(choice(PUBLISH)),
  description:
    'What is written to validation_results: all results, or none. Overrides RESULTS_PUBLISH and the configuration',
})

export const concurrencyOption = option({
  long: 'concurrency',
  env: 'RAPIDRMF_CONCURRENCY',
  type: optional(positiveInteger('COUNT', MAX_CONCURRENCY)),
  description: 'Batches in flight in this process, each with a database session of its own. Default: 2',
})
