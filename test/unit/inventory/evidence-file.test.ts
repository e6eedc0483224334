import { createHash } from 'node:crypto'
import { utimesSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { readFileFacts } from '../../../job-image/inventory/evidence-file.ts'
import { createFolder } from '../../support/run-command.ts'

const folder = createFolder()

test.each([
  ['empty', Buffer.alloc(0)],
  ['small', Buffer.from('{"a":1}\n')],
  ['large', Buffer.alloc(1_000_000, 'x')],
])(
  'a file that is %s has its hash, its size in bytes and its time in microseconds',
  async (name, content) => {
    const path = join(folder.path, folder.write(name, content))
    utimesSync(path, 1_700_000_000.25, 1_700_000_000.25)
    expect(await readFileFacts(path)).toEqual({
      sha256: createHash('sha256').update(content).digest('hex'),
      size: content.length,
      modifiedAt: 1_700_000_000_250_000,
    })
  },
)

describe('a file that cannot be read is refused, without its path', () => {
  folder.write('file', 'x')

  test.each([
    ['none', 'there is no such file'],
    ['file/below', 'there is no such file'],
    ['.', 'is not a file'],
  ])('%s', async (name, message) => {
    await expect(readFileFacts(join(folder.path, name))).rejects.toThrow(new Error(message))
  })
})
