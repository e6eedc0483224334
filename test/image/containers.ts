// What a person does with the images and `docker run`.
import { randomBytes } from 'node:crypto'
import { afterAll, describe, inject } from 'vitest'
import { connectDocker } from '../../scripts/containers/engine.ts'
import type { Docker, Output } from '../../scripts/containers/engine.ts'
import type { BuiltImages } from './global-setup.ts'

export type Containers = Docker & {
  readonly images: BuiltImages
  /** `docker run` until the end of the container, in the machine's network. */
  run(image: string, args?: readonly string[], flags?: readonly string[]): Promise<Output>
  /** In the background, under the returned name; gone with the test file. */
  start(image: string, args: readonly string[], flags: readonly string[]): Promise<string>
}

/** Like describe; where there are no images, its tests are counted as skipped, with the reason in the name. */
export function describeImages(name: string, define: (containers: Containers) => void): void {
  const images = inject('images')
  const reason = 'missing' in images ? ` (skipped: ${images.missing})` : ''
  describe.skipIf(reason !== '')(`${name}${reason}`, () => {
    define(containersOf('missing' in images ? NONE : images))
  })
}

/** For tests that are named and not run. */
const NONE: BuiltImages = {
  host: '',
  base: { build: '', runtime: '', node: '' },
  job: '',
  operator: '',
}

function containersOf(images: BuiltImages): Containers {
  const engine = connectDocker(images.host)
  const started: string[] = []
  afterAll(async () => {
    if (started.length > 0) await engine.try(['rm', '--force', ...started])
  })
  return {
    ...engine,
    images,
    run: (image, args = [], flags = []) =>
      engine.try(['run', '--rm', '--network=host', ...flags, image, ...args]),
    start: async (image, args, flags) => {
      const name = `test-${randomBytes(4).toString('hex')}`
      started.push(name)
      await engine.docker(['run', '--detach', '--network=host', '--name', name, ...flags, image, ...args])
      return name
    },
  }
}
