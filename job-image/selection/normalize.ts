import { selectionSchema } from '../../crds/selection.ts'
import type { ControlSelector, MatchExpression, Selection, SystemSelector } from '../../crds/selection.ts'
import { issueMessage, parseDocument } from '../document.ts'
import { InputError } from '../errors.ts'
import { isGlob } from '../../common/glob.ts'
import { canonicalControlId, compareText } from '../rules/control-id.ts'
import { dotted } from '../rules/control-pattern.ts'
import { frameworkName } from '../rules/framework.ts'

/** Merges selections: each part is from the first one that has it. Undefined if all are empty. */
export function mergeSelections(...selections: readonly (Selection | undefined)[]): Selection | undefined {
  const first = <K extends keyof Selection>(key: K): Selection[K] =>
    selections.find((selection) => selection?.[key] !== undefined)?.[key]
  return normalizeSelection({
    systems: first('systems'),
    controls: first('controls'),
    allowEmpty: first('allowEmpty'),
  })
}

/**
 * One form for all ways to say the same: lists sorted and without repetitions, ids in their usual spelling, what says
 * nothing left out. Undefined: everything is selected.
 */
export function normalizeSelection({ systems, controls, allowEmpty }: Selection): Selection | undefined {
  return orNothing<Selection>({
    systems: systems && normalSystems(systems),
    controls: controls && normalControls(controls),
    allowEmpty: allowEmpty === true ? true : undefined,
  })
}

/** A selection as JSON or YAML text; a bad one is an InputError with the place in `source`. */
export function parseSelection(text: string, source: string): Selection {
  return parseDocument(text, source, selectionSchema).value
}

/** A selection from a program; a bad one is an InputError. */
export function checkSelection(value: unknown): Selection {
  const { data, error } = selectionSchema.safeParse(value, { error: issueMessage })
  if (error === undefined) return data
  throw new InputError(
    error.issues.map(({ path, message }) => ({
      message: `${['selection', ...path].map(String).join('.')}: ${message}`,
    })),
  )
}

function normalSystems({
  include,
  exclude,
  matchLabels,
  matchExpressions,
}: SystemSelector): SystemSelector | undefined {
  return orNothing<SystemSelector>({
    include: list(include),
    exclude: list(exclude),
    matchLabels: orNothing(
      Object.fromEntries(Object.entries(matchLabels ?? {}).sort(([a], [b]) => compareText(a, b))),
    ),
    matchExpressions: expressions(matchExpressions),
  })
}

function normalControls({
  include,
  exclude,
  families,
  baseline,
  framework: given,
}: ControlSelector): ControlSelector | undefined {
  const framework = given === undefined ? undefined : frameworkName(given)
  const control = (text: string): string => normalControl(text, framework)
  return orNothing<ControlSelector>({
    include: list(include?.map(control)),
    exclude: list(exclude?.map(control)),
    families: list(families?.map((family) => family.trim().toUpperCase())),
    baseline,
    framework,
  })
}

/** Normalizes an id. Without a framework, leading zeros stay: `AC-02` may be AC-2 or an id of its own. */
function normalControl(text: string, framework: string | undefined): string {
  const id = isGlob(text) ? undefined : canonicalControlId(text, framework)
  return dotted(id ?? text.trim()).toUpperCase()
}

function expressions(given: readonly MatchExpression[] = []): MatchExpression[] | undefined {
  const texts = given.map(({ key, operator, values }) =>
    JSON.stringify(orNothing({ key, operator, values: list(values) })),
  )
  return list(texts)?.map((text) => JSON.parse(text) as MatchExpression)
}

function list(values: readonly string[] = []): string[] | undefined {
  return values.length === 0 ? undefined : [...new Set(values)].sort(compareText)
}

/** Omits the keys without a value; undefined if none is left. */
function orNothing<T extends object>(value: { [K in keyof T]: T[K] | undefined }): T | undefined {
  const entries = Object.entries(value).filter(([, field]) => field !== undefined)
  return entries.length === 0 ? undefined : (Object.fromEntries(entries) as T)
}
