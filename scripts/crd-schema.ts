// Converts a zod schema to the structural schema of a CustomResourceDefinition, a subset of OpenAPI 3.0.
import { z } from 'zod'

export type StructuralSchema = {
  readonly description?: string
  readonly type?: 'object' | 'array' | 'string' | 'integer' | 'number' | 'boolean'
  readonly format?: string
  readonly default?: unknown
  readonly enum?: readonly unknown[]
  readonly anyOf?: readonly StructuralSchema[]
  readonly minimum?: number
  readonly maximum?: number
  readonly minLength?: number
  readonly maxLength?: number
  readonly maxItems?: number
  readonly maxProperties?: number
  readonly items?: StructuralSchema
  readonly additionalProperties?: StructuralSchema
  readonly properties?: Readonly<Record<string, StructuralSchema>>
  readonly required?: readonly string[]
  readonly 'x-kubernetes-validations'?: readonly { readonly rule: string; readonly message: string }[]
  readonly 'x-kubernetes-preserve-unknown-fields'?: true
  readonly 'x-kubernetes-int-or-string'?: true
  readonly 'x-kubernetes-list-type'?: string
  readonly 'x-kubernetes-list-map-keys'?: readonly string[]
}

type Loose = Record<string, unknown>

/** The keywords of a structural schema, in the order of the output. */
const KEYS = [
  'description',
  'type',
  'format',
  'default',
  'enum',
  'anyOf',
  'minimum',
  'maximum',
  'minLength',
  'maxLength',
  'maxItems',
  'maxProperties',
  'x-kubernetes-int-or-string',
  'x-kubernetes-preserve-unknown-fields',
  'x-kubernetes-list-type',
  'x-kubernetes-list-map-keys',
  'x-kubernetes-validations',
  'required',
  'properties',
  'additionalProperties',
  'items',
] as const satisfies readonly (keyof StructuralSchema)[]

export function structuralSchema(schema: z.ZodType): StructuralSchema {
  // `input` describes what a person writes: a field with a default is not required.
  const openApi = z.toJSONSchema(schema, {
    target: 'openapi-3.0',
    io: 'input',
    unrepresentable: 'throw',
    reused: 'inline',
  })
  return structural(openApi, '')
}

function structural(source: Loose, path: string): StructuralSchema {
  const schema = withoutZodsOwn(source)
  const foreign = Object.keys(schema).filter((key) => !(KEYS as readonly string[]).includes(key))
  if (foreign.length > 0) throw new Error(`${path}: a structural schema has no ${foreign.join(', ')}`)
  if (schema['anyOf'] !== undefined && schema['x-kubernetes-int-or-string'] !== true) {
    throw new Error(`${path}: a structural schema has no unions; use one flat object and rules`)
  }
  const converted: Loose = {
    ...schema,
    ...mapped(schema, 'properties', (properties) =>
      Object.fromEntries(
        Object.entries(properties).map(([name, value]) => [
          name,
          structural(value as Loose, `${path}.${name}`),
        ]),
      ),
    ),
    ...mapped(schema, 'additionalProperties', (value) => structural(value, `${path}.*`)),
    ...mapped(schema, 'items', (value) => structural(value, `${path}[]`)),
  }
  return Object.fromEntries(KEYS.filter((key) => key in converted).map((key) => [key, converted[key]]))
}

function mapped(schema: Loose, key: string, change: (value: Loose) => unknown): Loose {
  return schema[key] === undefined ? {} : { [key]: change(schema[key] as Loose) }
}

function withoutZodsOwn(source: Loose): Loose {
  const { additionalProperties, properties, ...schema } = source
  return {
    ...scalarPart(schema),
    ...openPart(additionalProperties),
    ...(isObject(properties) && Object.keys(properties).length > 0 ? { properties } : {}),
  }
}

function scalarPart({ pattern, minimum, maximum, anyOf, ...schema }: Loose): Loose {
  const isQuantity = schema['x-kubernetes-int-or-string'] === true
  return {
    ...schema,
    ...(pattern !== undefined && schema['format'] !== 'date-time' ? { pattern } : {}),
    // z.int() adds the bounds of JavaScript's safe integers.
    ...(minimum !== undefined && minimum !== Number.MIN_SAFE_INTEGER ? { minimum } : {}),
    ...(maximum !== undefined && maximum !== Number.MAX_SAFE_INTEGER ? { maximum } : {}),
    // The only union that a structural schema allows, in exactly this form.
    ...(isQuantity
      ? { anyOf: [{ type: 'integer' }, { type: 'string' }] }
      : anyOf === undefined
        ? {}
        : { anyOf }),
  }
}

/** Drops `additionalProperties: false`, which is not allowed together with properties. Unknown fields are pruned anyway. */
function openPart(additionalProperties: unknown): Loose {
  if (!isObject(additionalProperties)) return {}
  const anything = Object.keys(additionalProperties).length === 0
  return anything ? { 'x-kubernetes-preserve-unknown-fields': true } : { additionalProperties }
}

function isObject(value: unknown): value is Loose {
  return typeof value === 'object' && value !== null
}
