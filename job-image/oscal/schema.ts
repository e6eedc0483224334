import { z } from 'zod'

// Only what is read is checked; members that are not named here pass. Shapes: OSCAL catalog and profile, release 1.x.

const text = z.string().min(1)

const property = z.object({ name: text, value: z.string() })
const link = z.object({ href: z.string(), rel: z.string().optional() })

const metadata = z.object({
  title: z.string(),
  version: z.string(),
  'oscal-version': z.string(),
  props: z.array(property).optional(),
  links: z.array(link).optional(),
})

const control = z.object({
  id: text,
  title: z.string(),
  props: z.array(property).optional(),
  get controls() {
    return z.array(control).optional()
  },
})

const group = z.object({
  id: z.string().optional(),
  title: z.string(),
  controls: z.array(control).optional(),
  get groups() {
    return z.array(group).optional()
  },
})

const catalog = z.object({
  metadata,
  controls: z.array(control).optional(),
  groups: z.array(group).optional(),
})

const selector = z.object({
  'with-child-controls': z.enum(['yes', 'no']).optional(),
  'with-ids': z.array(text).optional(),
  matching: z.array(z.object({ pattern: z.string().optional() })).optional(),
})

/** `include-all: {}`. Null is refused: some writers mean "absent" by it, and absent is not "all". */
const presence = z.looseObject({}).optional()

const selection = z.object({
  'include-all': presence,
  'include-controls': z.array(selector).optional(),
  'exclude-controls': z.array(selector).optional(),
})

const insertion = selection.extend({
  order: z.enum(['keep', 'ascending', 'descending']).optional(),
})

const customGroup = z.object({
  id: z.string().optional(),
  title: z.string(),
  get groups() {
    return z.array(customGroup).optional()
  },
  'insert-controls': z.array(insertion).optional(),
})

const merge = z.object({
  combine: z.object({ method: z.enum(['use-first', 'merge', 'keep']).optional() }).optional(),
  flat: presence,
  'as-is': z.boolean().optional(),
  custom: z
    .object({
      groups: z.array(customGroup).optional(),
      'insert-controls': z.array(insertion).optional(),
    })
    .optional(),
})

const resource = z.object({
  uuid: text,
  title: z.string().optional(),
  rlinks: z.array(z.object({ href: text, 'media-type': z.string().optional() })).optional(),
})

const profile = z.object({
  metadata,
  imports: z.array(selection.extend({ href: text })).min(1),
  merge: merge.optional(),
  'back-matter': z.object({ resources: z.array(resource).optional() }).optional(),
})

export type CatalogBody = z.output<typeof catalog>
export type ProfileBody = z.output<typeof profile>
export type MetadataBody = z.output<typeof metadata>
export type ControlBody = z.output<typeof control>
export type GroupBody = z.output<typeof group>
export type SelectionBody = z.output<typeof selection>
export type SelectorBody = z.output<typeof selector>
export type InsertionBody = z.output<typeof insertion>
export type CustomGroupBody = z.output<typeof customGroup>
export type MergeBody = z.output<typeof merge>
export type ResourceBody = z.output<typeof resource>

export const catalogDocument = z.object({ catalog })
export const profileDocument = z.object({ profile })
