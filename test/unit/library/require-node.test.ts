import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

const run = promisify(execFile)
const SOURCE = join(import.meta.dirname, '../../../job-image/library/require-node.ts')

/** Imports the source in a process of its own, whose Node says that it is of this version. */
function importOn(version: string): Promise<unknown> {
  const versions = `{ value: { ...process.versions, node: '${version}' } }`
  const program = `Object.defineProperty(process, 'versions', ${versions}); await import('${SOURCE}')`
  return run(process.execPath, ['--input-type=module', '--eval', program])
}

test('a Node that is too old fails when the library is imported', async () => {
  await expect(importOn('21.7.3')).rejects.toThrow(
    'rapidrmf-scheduled-validation needs Node 22 or newer; this is 21.7.3',
  )
  await expect(importOn('22.0.0')).resolves.toMatchObject({ stdout: '', stderr: '' })
})
