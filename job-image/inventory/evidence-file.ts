import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'
import { asError } from '../errors.ts'
import type { Micros } from '../time.ts'

/** The metadata of an evidence file. */
export type FileFacts = {
  readonly sha256: string
  readonly size: number
  readonly modifiedAt: Micros
}

const NANOS_PER_MICRO = 1000n

/** Hashes a file of any size as it is read. Throws an Error whose message says, without the path, what is wrong. */
export async function readFileFacts(path: string): Promise<FileFacts> {
  try {
    const { size, mtimeNs, ...found } = await statOf(path)
    // Opening a named pipe would wait for a writer for ever.
    if (!found.isFile) throw new Error('is not a file')
    const hash = createHash('sha256')
    await pipeline(createReadStream(path), hash)
    return { sha256: hash.digest('hex'), size, modifiedAt: Number(mtimeNs / NANOS_PER_MICRO) }
  } catch (thrown) {
    throw new Error(reasonOf(asError(thrown)), { cause: thrown })
  }
}

async function statOf(path: string): Promise<{ size: number; mtimeNs: bigint; isFile: boolean }> {
  const found = await stat(path, { bigint: true })
  return { size: Number(found.size), mtimeNs: found.mtimeNs, isFile: found.isFile() }
}

function reasonOf(error: NodeJS.ErrnoException): string {
  return READ_ERRORS[error.code ?? ''] ?? error.message
}

const READ_ERRORS: Record<string, string> = {
  ENOENT: 'there is no such file',
  ENOTDIR: 'there is no such file',
  EACCES: 'cannot be read: permission denied',
}
