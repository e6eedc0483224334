// JSON Schemas of the files that users write, for editors. Run by "npm run generate".
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { format, resolveConfig } from 'prettier'
import { z } from 'zod'
import { configSchema } from '../job-image/config/config.ts'
import { inventorySchema } from '../job-image/inventory/schema.ts'
import { packSchema } from '../job-image/rules/rule-pack.ts'

const ROOT = join(import.meta.dirname, '..')

export const SCHEMA_FOLDER = 'schemas'

type JsonSchema = z.core.JSONSchema.JSONSchema

type FileFormat = {
  readonly schema: z.ZodType
  readonly title: string
  /** Types that a preprocessing step accepts in addition, which a conversion of the schema cannot see. */
  readonly alsoAccepted?: readonly { readonly path: readonly string[]; readonly type: 'null' | 'string' }[]
}

const FORMATS: Readonly<Record<string, FileFormat>> = {
  configuration: {
    schema: configSchema,
    title: 'Configuration of RapidRMF Scheduled Validation',
    alsoAccepted: [
      { path: ['properties', 'environments', 'additionalProperties'], type: 'null' },
      { path: ['properties', 'catalogs', 'anyOf', '0', 'additionalProperties'], type: 'string' },
      { path: ['properties', 'scheduler'], type: 'null' },
    ],
  },
  inventory: { schema: inventorySchema, title: 'Inventory of RapidRMF Scheduled Validation' },
  'rule-pack': { schema: packSchema, title: 'Rule pack of RapidRMF Scheduled Validation' },
}

/** The generated files, relative to the repository, with a function that returns the text of each. */
export const SCHEMA_FILES: readonly { readonly file: string; readonly generate: () => Promise<string> }[] =
  Object.entries(FORMATS).map(([name, fileFormat]) => {
    const file = `${SCHEMA_FOLDER}/${name}.schema.json`
    return { file, generate: () => formatted(file, JSON.stringify(jsonSchemaOf(fileFormat))) }
  })

function jsonSchemaOf({ schema, title, alsoAccepted = [] }: FileFormat): JsonSchema {
  const { $schema, ...rest } = z.toJSONSchema(schema, {
    io: 'input',
    unrepresentable: 'any',
    override: ({ jsonSchema }) => {
      // Rules for the API server; the job checks the same with code.
      delete jsonSchema['x-kubernetes-validations']
      // Classes of Unicode characters are an error in editors that compile patterns without the flag `u`.
      for (const part of [jsonSchema, ...(jsonSchema.allOf ?? [])]) {
        if (typeof part === 'object' && part.pattern?.includes('\\p{') === true) delete part.pattern
      }
    },
  })
  for (const { path, type } of alsoAccepted) accept(rest, path, type)
  // Zod counts a preprocessed key as required, although its default replaces a missing value.
  const required = rest.required?.filter((key) => !alsoAccepted.some(({ path }) => path.at(-1) === key))
  return { $schema, title, ...rest, ...(required && { required }) } as JsonSchema
}

/** Replaces the object schema at the place by a choice of it and another type. */
function accept(root: unknown, path: readonly string[], type: string): void {
  const place = path.reduce<unknown>((at, key) => (at as Record<string, unknown> | undefined)?.[key], root)
  const schema = place as Record<string, unknown> | undefined
  if (schema?.['type'] !== 'object') throw new Error(`the schema has no object at ${path.join('.')}`)
  const object = { ...schema }
  for (const key of Object.keys(schema)) delete schema[key]
  schema['anyOf'] = [object, { type }]
}

/** Formats the text like `npm run format`, so that the two commands agree. */
async function formatted(file: string, text: string): Promise<string> {
  const path = join(ROOT, file)
  return format(text, { ...(await resolveConfig(path)), filepath: path })
}

if (import.meta.main) {
  for (const { file, generate } of SCHEMA_FILES) {
    const path = join(ROOT, file)
    const text = await generate()
    const before = readFileSync(path, { encoding: 'utf8', flag: 'a+' })
    if (text !== before) writeFileSync(path, text)
    console.log(`${file}: ${text === before ? 'unchanged' : 'written'}`)
  }
}
