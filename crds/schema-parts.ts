import { z } from 'zod'
import { RESERVED_LABELS, RESERVED_PREFIXES } from './names.ts'

/** A condition in CEL (`self` is the value) that the API server checks, and its message if it does not hold. */
export type Rule = readonly [cel: string, message: string]

/**
 * Adds rules that only the CRD contains: a `pattern` could be checked here too, but its message would be the regular
 * expression. Values in rules need an upper bound, or the rules exceed the API server's cost budget.
 */
export function withRules<T extends z.ZodType>(schema: T, ...rules: readonly Rule[]): T {
  // Keeps earlier rules, which metadata of the same name would replace.
  const earlier = (schema.meta()?.[VALIDATIONS] ?? []) as readonly object[]
  return schema.meta({ [VALIDATIONS]: [...earlier, ...rules.map(([rule, message]) => ({ rule, message }))] })
}

const VALIDATIONS = 'x-kubernetes-validations'

const celList = (values: readonly string[]): string => values.map((value) => `'${value}'`).join(', ')

/** A Kubernetes quantity (`500m`, `2`, `1Gi`), as a number or a text. */
export const quantity = z
  .union([z.int(), z.string()])
  .meta({ 'x-kubernetes-int-or-string': true, maxLength: 64 })

export const int32 = (): z.ZodInt => z.int().meta({ format: 'int32' })
export const int64 = (): z.ZodInt => z.int().meta({ format: 'int64' })
/** Where a rule or a duration would overflow: seconds are multiplied by 10⁹ in an int64 of Go's. */
export const MAX_INT32 = 2_147_483_647

/** RFC 3339 in UTC. */
export const dateTime = (): z.ZodISODateTime => z.iso.datetime()

/** A part of Kubernetes' own API that is passed through; the API server validates it with the CronJob. */
export const passThrough = (): z.ZodObject<{}, z.core.$loose> => z.looseObject({})

export const dnsLabel = (): z.ZodString =>
  withRules(z.string().min(1).max(63), [
    "self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')",
    'must be a DNS label: lower-case letters, digits and "-", with a letter or digit at both ends',
  ])

/** The name of a ConfigMap, a Secret, a ServiceAccount … */
export const objectName = (): z.ZodString =>
  withRules(z.string().min(1).max(253), [
    "self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*$')",
    'must be the name of a Kubernetes object: lower-case letters, digits, "-" and ".", with a letter or digit at both ends',
  ])

/** A key of a ConfigMap or a Secret. */
const dataKey = (): z.ZodString =>
  withRules(z.string().min(1).max(253), [
    "self.matches('^[-._a-zA-Z0-9]+$') && self != '.' && !self.startsWith('..')",
    'must be a key of a ConfigMap or Secret: letters, digits, "-", "_" and ".", and not "." or ".." at the beginning',
  ])

/** One key of one ConfigMap or Secret in the schedule's namespace. */
export const keyRef = (what: string) =>
  z.object({
    name: objectName().describe(`Name of the ${what}, in the schedule's namespace.`),
    key: dataKey().describe(`Key within the ${what}.`),
  })

const withoutReserved = RESERVED_PREFIXES.map((prefix) => `!key.startsWith('${prefix}')`).join(' && ')
const prefixes = RESERVED_PREFIXES.join(' or ')

/**
 * The rule for keys of metadata. The API server accepts a CronJob with any metadata in its Job template, but would
 * refuse each of its Jobs.
 */
const metadataKeys = (what: string): Rule => [
  String.raw`self.all(key, key.size() <= 253 && key.matches('^([A-Za-z0-9]([-A-Za-z0-9]*[A-Za-z0-9])?([.][A-Za-z0-9]([-A-Za-z0-9]*[A-Za-z0-9])?)*/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$'))`,
  `the key of ${what} is a name of at most 63 letters, digits, "-", "_" and ".", with a letter or digit at both ends, and before it perhaps a DNS name and "/", such as example.org/team`,
]

export const labelMap = () =>
  withRules(
    z
      .record(
        z.string(),
        withRules(z.string().max(63), [
          "self.matches('^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$')",
          'a label value holds letters, digits, "-", "_" and ".", with a letter or digit at both ends',
        ]),
      )
      .meta({ maxProperties: 64 }),
    metadataKeys('a label'),
    [
      "self.all(key, !key.contains('/') || key.split('/')[0] == key.split('/')[0].lowerAscii())",
      'the DNS name before the "/" in the key of a label is in lower case',
    ],
    [
      `self.all(key, ${withoutReserved} && !(key in [${celList(RESERVED_LABELS)}]))`,
      `labels that begin with ${prefixes}, and ${RESERVED_LABELS.join(', ')}, identify a run and are set by the operator and by Kubernetes; leave them out`,
    ],
  )

/** Kubernetes accepts 256 KiB for all annotations of an object, and a character has up to four bytes. */
const MAX_ANNOTATIONS = 60_000

export const annotationMap = () =>
  withRules(
    z.record(z.string(), z.string().max(MAX_ANNOTATIONS)).meta({ maxProperties: 64 }),
    metadataKeys('an annotation'),
    [
      `self.map(key, key.size() + self[key].size()).sum() <= ${MAX_ANNOTATIONS}`,
      `annotations have at most ${MAX_ANNOTATIONS.toLocaleString('en-US')} characters altogether`,
    ],
    [
      `self.all(key, ${withoutReserved})`,
      `annotations that begin with ${prefixes} identify a run and are set by the operator and by Kubernetes; leave them out`,
    ],
  )
