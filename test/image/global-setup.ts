import type { TestProject } from 'vitest/node'
import { startEngine } from '../../scripts/containers/engine.ts'
import { buildImages } from '../../scripts/containers/images.ts'
import type { Images } from '../../scripts/containers/images.ts'

export type BuiltImages = Images & {
  /** The address of the engine that built the images. */
  readonly host: string
}

declare module 'vitest' {
  interface ProvidedContext {
    /** The images, or why there are none. */
    images: BuiltImages | { readonly missing: string }
  }
}

export default async function setup(project: TestProject): Promise<(() => Promise<void>) | undefined> {
  const engine = await startEngine()
  if ('missing' in engine) {
    const line = '='.repeat(80)
    process.stderr.write(`\n${line}\nSKIPPED, all tests of the images: ${engine.missing}\n${line}\n\n`)
    project.provide('images', engine)
    return undefined
  }
  try {
    project.provide('images', { host: engine.host, ...(await buildImages(engine)) })
  } catch (error) {
    await engine.stop()
    throw error
  }
  return () => engine.stop()
}
