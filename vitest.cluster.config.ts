import { defineConfig } from 'vitest/config'

/**
 * On a real API server and the real controllers, which the run brings up itself. Most of the time these tests wait for
 * them, so that there are more workers than cores.
 */
export default defineConfig({
  test: {
    name: 'cluster',
    include: ['test/cluster/{suite,crds,operator}/**/*.test.ts'],
    globalSetup: ['test/cluster/global-setup.ts'],
    reporters: ['default', './test/support/count-reporter.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    maxWorkers: 3,
  },
})
