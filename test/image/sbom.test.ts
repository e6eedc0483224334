import { build } from 'esbuild'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { ENTRIES, programOptions } from '../../scripts/bundle.ts'
import { sbom } from '../../scripts/sbom.ts'

/** The schema of CycloneDX 1.6 for these parts; strict like the original. */
const licenses = z.array(
  z.union([
    z.strictObject({ license: z.strictObject({ id: z.string().regex(/^[A-Za-z0-9.+-]+$/) }) }),
    z.strictObject({ expression: z.string() }),
  ]),
)
const component = z.strictObject({
  type: z.enum(['library', 'container']),
  'bom-ref': z.string().min(1),
  group: z.string().startsWith('@').optional(),
  name: z.string().min(1),
  version: z.string().regex(/^\d+\.\d+\.\d+/),
  purl: z
    .string()
    .regex(/^pkg:npm\/(%40[^/@]+\/)?[^/@]+@\d[^@]*$/)
    .optional(),
  licenses: licenses.min(1),
  hashes: z
    .array(z.strictObject({ alg: z.literal('SHA-512'), content: z.string().regex(/^[0-9a-f]{128}$/) }))
    .optional(),
})
const schema = z.strictObject({
  bomFormat: z.literal('CycloneDX'),
  specVersion: z.literal('1.6'),
  version: z.literal(1),
  metadata: z.strictObject({ component }),
  components: z.array(component.required({ purl: true, hashes: true })),
  dependencies: z.array(z.strictObject({ ref: z.string(), dependsOn: z.array(z.string()) })),
})

/** Matches the comment with the file name that esbuild writes above each module. */
async function modulesOf(entry: string): Promise<Set<string>> {
  const { outputFiles } = await build({ ...programOptions(entry), minify: false, write: false })
  const lines = outputFiles?.[0]?.text.split('\n') ?? []
  const packages = lines.flatMap(
    (line) => /^ *\/\/ .*node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(line)?.[1] ?? [],
  )
  return new Set(packages)
}

describe.each(['job', 'operator'] as const)('the bill of materials of the %s image', (image) => {
  it('is valid CycloneDX without dangling references', async () => {
    const bom = schema.parse(await sbom(image))
    const refs = [bom.metadata.component, ...bom.components].map((each) => each['bom-ref'])
    expect(new Set(refs).size).toBe(refs.length)
    expect(bom.dependencies.map(({ ref }) => ref)).toEqual(refs)
    for (const { dependsOn } of bom.dependencies) expect(refs).toEqual(expect.arrayContaining(dependsOn))
  })

  it('names exactly the packages whose code is in the program', async () => {
    const { components } = await sbom(image)
    const named = components.map(({ group, name }) => (group === undefined ? name : `${group}/${name}`))
    expect(new Set(named)).toEqual(await modulesOf(ENTRIES[image]))
    expect(named).toContain({ job: 'pg', operator: '@kubernetes/client-node' }[image])
    expect(named).not.toContain('esbuild')
  })

  it('reaches every package from the image', async () => {
    const { dependencies } = await sbom(image)
    const reached = new Set<string>()
    const visit = (ref: string): void => {
      if (reached.has(ref)) return
      reached.add(ref)
      dependencies.find((each) => each.ref === ref)?.dependsOn.forEach(visit)
    }
    visit(`rapidrmf-${image}`)
    expect(dependencies.map(({ ref }) => ref).filter((ref) => !reached.has(ref))).toEqual([])
  })
})
