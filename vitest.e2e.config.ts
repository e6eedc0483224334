import { defineConfig } from 'vitest/config'

/** On a cluster with a node, which the run brings up itself as root: chart, images and PostgreSQL as users have them. */
export default defineConfig({
  test: {
    name: 'e2e',
    include: ['test/e2e/**/*.test.ts'],
    globalSetup: ['test/e2e/global-setup.ts'],
    reporters: ['default', './test/support/count-reporter.ts'],
    testTimeout: 240_000,
    hookTimeout: 180_000,
    maxWorkers: 4,
  },
})
