import { defineConfig } from 'vitest/config'

const test = { testTimeout: 240_000, hookTimeout: 180_000 }
/** It takes the node away from everybody else. */
const ALONE = 'test/e2e/drain.test.ts'

/** On a cluster with a node, which the run brings up itself as root: chart, images and PostgreSQL as users have them. */
export default defineConfig({
  test: {
    globalSetup: ['test/e2e/global-setup.ts'],
    reporters: ['default', './test/support/count-reporter.ts'],
    projects: [
      {
        test: {
          ...test,
          name: 'e2e',
          include: ['test/e2e/**/*.test.ts'],
          exclude: [ALONE],
          maxWorkers: 4,
          sequence: { groupOrder: 0 },
        },
      },
      { test: { ...test, name: 'e2e-alone', include: [ALONE], maxWorkers: 1, sequence: { groupOrder: 1 } } },
    ],
  },
})
