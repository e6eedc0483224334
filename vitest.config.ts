import { defineConfig } from 'vitest/config'

/** All that needs no root and no more than a few minutes. `vitest run FILE` starts only the servers that FILE needs. */
export default defineConfig({
  test: {
    reporters: ['default', './test/support/count-reporter.ts'],
    maxWorkers: 3,
    projects: [
      {
        test: {
          name: 'job',
          include: ['test/unit/**/*.test.ts', 'test/pg/**/*.test.ts'],
          globalSetup: ['test/support/global-setup.ts'],
          testTimeout: 30_000,
          hookTimeout: 60_000,
        },
      },
      './vitest.cluster.config.ts',
    ],
  },
})
