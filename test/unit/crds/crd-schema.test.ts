import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { z } from 'zod'
import { withRules } from '../../../crds/schema-parts.ts'
import { structuralSchema } from '../../../scripts/crd-schema.ts'
import type { StructuralSchema } from '../../../scripts/crd-schema.ts'
import { generateCrd } from '../../../scripts/generate-crd.ts'

describe('from zod to a structural schema', () => {
  test('integers lose the bounds that are only those of JavaScript', () => {
    expect(structuralSchema(z.int())).toEqual({ type: 'integer' })
    expect(structuralSchema(z.int().min(1).max(10).default(3))).toEqual({
      type: 'integer',
      default: 3,
      minimum: 1,
      maximum: 10,
    })
  })

  test('times are a format without a pattern', () => {
    expect(structuralSchema(z.iso.datetime())).toEqual({ type: 'string', format: 'date-time' })
  })

  test('open objects keep unknown fields; closed ones say nothing', () => {
    expect(structuralSchema(z.looseObject({}))).toEqual({
      type: 'object',
      'x-kubernetes-preserve-unknown-fields': true,
    })
    expect(structuralSchema(z.strictObject({ a: z.boolean() }))).toEqual({
      type: 'object',
      required: ['a'],
      properties: { a: { type: 'boolean' } },
    })
  })

  test('a field with a default is not required', () => {
    const schema = structuralSchema(z.object({ part: z.object({ n: z.int().default(1) }).prefault({}) }))
    expect(schema.required).toBeUndefined()
    expect(schema.properties?.['part']?.default).toEqual({})
  })

  test('rules add up, and stay with what is made from the schema', () => {
    const schema = withRules(withRules(z.string(), ['a', 'first']), ['b', 'second'])
    expect(structuralSchema(schema.optional().describe('words'))).toEqual({
      description: 'words',
      type: 'string',
      'x-kubernetes-validations': [
        { rule: 'a', message: 'first' },
        { rule: 'b', message: 'second' },
      ],
    })
  })

  test('what a structural schema cannot say is refused here, with the place', () => {
    expect(() => structuralSchema(z.object({ a: z.union([z.string(), z.int()]) }))).toThrow(
      '.a: a structural',
    )
    expect(() => structuralSchema(z.array(z.string().regex(/x/)))).toThrow(
      '[]: a structural schema has no pattern',
    )
  })
})

describe('the CRD', async () => {
  const { spec } = parse(await generateCrd()) as {
    spec: {
      versions: { schema: { openAPIV3Schema: StructuralSchema }; additionalPrinterColumns: object[] }[]
    }
  }
  const [version] = spec.versions

  test('its columns are of priority 0, in the order for a person on call', () => {
    const columns = version?.additionalPrinterColumns as { name: string; priority?: number; type: string }[]
    expect(columns.map(({ name }) => name.toUpperCase()).join(' ')).toBe(
      'SCHEDULE ZONE SUSPENDED READY REASON LAST-RUN VERDICT PASS NOT-PASS NEXT-RUN AGE',
    )
    expect(columns.filter(({ priority }) => priority !== undefined)).toEqual([])
    expect(columns.find(({ name }) => name === 'Next-Run')?.type).toBe('string')
  })

  test('whatever a rule looks at is bounded, so that its cost is', () => {
    const unbounded = (schema: StructuralSchema, path: string): string[] => {
      const { properties = {}, items, additionalProperties, maxLength, maxItems, maxProperties } = schema
      const bound = schema.type === 'string' ? maxLength : additionalProperties ? maxProperties : maxItems
      const open = (schema.type === 'string' || items || additionalProperties) && bound === undefined
      const own = open && schema.enum === undefined ? [path] : []
      const members = Object.entries(properties).flatMap(([name, member]) =>
        unbounded(member, `${path}.${name}`),
      )
      return [...own, ...members, ...(items ? unbounded(items, `${path}[]`) : [])]
    }
    expect(unbounded(version?.schema.openAPIV3Schema.properties?.['spec'] ?? {}, 'spec')).toEqual([])
  })
})
