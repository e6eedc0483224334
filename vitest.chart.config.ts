import { defineConfig } from 'vitest/config'

/** The chart, by Helm, on a real API server without nodes; its alerts by promtool. */
export default defineConfig({
  test: {
    name: 'chart',
    include: ['test/chart/**/*.test.ts'],
    globalSetup: ['test/chart/global-setup.ts', 'test/cluster/global-setup.ts'],
    reporters: ['default', './test/support/count-reporter.ts'],
    testTimeout: 120_000,
    hookTimeout: 120_000,
    maxWorkers: 2,
  },
})
