import { z } from 'zod'
import { withRules } from './schema-parts.ts'

/*
 * The systems and controls of a run, in the same form on a ValidationSchedule, in a configuration and in the variable
 * between the two. Every list is bounded: CEL rules have a cost budget, and a variable holds 128 KiB.
 */

/** Widths of `systems.name`, `controls.control_id`, `controls.family` and `catalogs.framework`. */
const MAX_NAME = 255
const MAX_CONTROL = 50
const MAX_FAMILY = 10
const MAX_FRAMEWORK = 100
const MAX_ATTRIBUTE = 128

const patterns = (longest: number, most: number) => z.array(z.string().min(1).max(longest)).max(most)
const attribute = () => z.string().min(1).max(MAX_ATTRIBUTE)

export const selectionOperators = ['In', 'NotIn', 'Exists', 'DoesNotExist'] as const

const takesValues = (operator: (typeof selectionOperators)[number]): boolean =>
  operator === 'In' || operator === 'NotIn'

const VALUES_MESSAGE = 'In and NotIn need at least one value, Exists and DoesNotExist have none'

const matchExpressionSchema = withRules(
  z
    .strictObject({
      key: attribute().describe("A top-level key of the system's attributes."),
      operator: z
        .enum(selectionOperators)
        .describe('`In`, `NotIn` (also where the key is missing), `Exists` or `DoesNotExist`.'),
      values: z
        .array(z.string().max(MAX_ATTRIBUTE))
        .max(32)
        .optional()
        .describe('For `In` and `NotIn`: what the attribute, or an element of it, is compared with.'),
    })
    .refine(({ operator, values = [] }) => takesValues(operator) === values.length > 0, {
      message: VALUES_MESSAGE,
      path: ['values'],
    }),
  [
    "(self.operator in ['In', 'NotIn']) == (has(self.values) && self.values.size() > 0)",
    `${VALUES_MESSAGE}; correct the operator or the values`,
  ],
)

export type MatchExpression = z.output<typeof matchExpressionSchema>

const systemSelectorSchema = z.strictObject({
  include: patterns(MAX_NAME, 100)
    .optional()
    .describe('Names, or patterns in which `*` is any characters and `?` is one. Default: all.'),
  exclude: patterns(MAX_NAME, 100).optional().describe('The same; what these match is left out.'),
  matchLabels: z
    .record(z.string().max(MAX_ATTRIBUTE), z.string().max(MAX_ATTRIBUTE))
    .meta({ maxProperties: 16 })
    .refine((labels) => Object.keys(labels).length <= 16, 'at most 16 keys')
    .optional()
    .describe(
      "Top-level keys of the system's attributes and what they must be: a text, a number or a word as it is written, or a list that holds it.",
    ),
  matchExpressions: z
    .array(matchExpressionSchema)
    .max(8)
    .optional()
    .describe('More conditions on attributes; all must hold.'),
})

const controlSelectorSchema = z.strictObject({
  include: patterns(MAX_CONTROL, 200)
    .optional()
    .describe(
      'Ids (of NIST SP 800-53 in any spelling: `AC-2`, `ac-02`, `AC-2(1)`; of other frameworks as published), or patterns such as `AC-*`. An id alone does not bring its enhancements; `AC-2(*)` are these. Default: all, unless `families` says some.',
    ),
  exclude: patterns(MAX_CONTROL, 200).optional().describe('The same; what these match is left out.'),
  families: patterns(MAX_FAMILY, 64)
    .optional()
    .describe('Families, such as `AU`, in addition to what `include` matches.'),
  baseline: z
    .string()
    .min(1)
    .max(100)
    .optional()
    .describe(
      "Of these, only members of this baseline, such as `moderate`, in the catalogs of the baseline's framework. It must have been imported.",
    ),
  framework: z
    .string()
    .min(1)
    .max(MAX_FRAMEWORK)
    .optional()
    .describe(
      'Of these, only controls of this framework, such as `nist-800-53-rev5` (`nist-800-53`: in every revision). Without it, an id or family of several frameworks means the one that rules are for.',
    ),
})

export const selectionSchema = z.strictObject({
  systems: systemSelectorSchema.optional().describe('Which systems of the environment. Default: all.'),
  controls: controlSelectorSchema
    .optional()
    .describe(
      'Which controls. Default: all. Prerequisites outside are evaluated and not stored, so that no result depends on the selection.',
    ),
  allowEmpty: z
    .boolean()
    .optional()
    .describe(
      'Whether a selection that matches nothing is fine: the run is `Incomplete` then. Default: it is `Errored`.',
    ),
})

/** A selection as a user writes it; a missing part selects everything. */
export type Selection = z.output<typeof selectionSchema>
export type SystemSelector = z.output<typeof systemSelectorSchema>
export type ControlSelector = z.output<typeof controlSelectorSchema>
