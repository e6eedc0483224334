import { defineConfig } from 'vitest/config'

/** On a real Docker engine, which the run starts itself as root; it builds the images first. */
export default defineConfig({
  test: {
    name: 'image',
    include: ['test/image/**/*.test.ts'],
    globalSetup: ['test/support/global-setup.ts', 'test/image/global-setup.ts'],
    reporters: ['default', './test/support/count-reporter.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    maxWorkers: 2,
  },
})
