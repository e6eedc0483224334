// Runs the images with `docker run`, like a user.
import { randomBytes } from 'node:crypto'
import { afterAll, describe, inject } from 'vitest'
import { connectDocker } from '../../scripts/containers/engine.ts'
import type { Docker, Output } from '../../scripts/containers/engine.ts'
import type { BuiltImages } from './global-setup.ts'

export type Containers = Docker & {
  readonly images: BuiltImages
  /** Runs a container to its end, in the machine's network. */
  run(image: string, args?: readonly string[], flags?: readonly string[]): Promise<Output>
  /** Starts a container in the background and returns its name; removed at the end of the test file. */
  start(image: string, args: readonly string[], flags: readonly string[]): Promise<string>
}

/** Calls `describe`. Without images its tests are skipped, with the reason in the name. */
export function describeImages(name: string, define: (containers: Containers) => void): void {
  const images = inject('images')
  const reason = 'missing' in images ? ` (skipped: ${images.missing})` : ''
  describe.skipIf(reason !== '')(`${name}${reason}`, () => {
    define(containersOf('missing' in images ? NONE : images))
  })
}

/** A placeholder for tests that are listed and not run. */
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
