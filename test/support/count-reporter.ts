import { appendFileSync } from 'node:fs'
import type { Reporter, TestModule } from 'vitest/node'

/**
 * Prints one line at the end, `N passed, N failed, N skipped`, and appends it to the file in TEST_COUNTS_FILE, so that
 * several suites can be summed. A file that could not be loaded counts as a failure, because none of its tests ran.
 */
export default class CountReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const counts = { passed: 0, failed: 0, skipped: 0, pending: 0 }
    for (const module of modules) {
      if (!module.ok() && module.errors().length > 0) counts.failed += 1
      for (const test of module.children.allTests()) counts[test.result().state] += 1
    }
    const line = `${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`
    process.stdout.write(`${line}\n`)
    const file = process.env['TEST_COUNTS_FILE']
    if (file !== undefined) appendFileSync(file, `${line}\n`)
  }
}
