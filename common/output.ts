import type { Writable } from 'node:stream'

/**
 * A stream that a program writes to. A write never throws, never ends the process and never blocks on a slow reader:
 * text that cannot be written is dropped, and `loss` says why.
 */
export type Output = {
  write(text: string): void
  /** Resolves once all text has been written or dropped. */
  drained(): Promise<void>
  /** The first reason for which text was dropped; undefined while none was. */
  readonly loss: Loss | undefined
  readonly isTTY?: boolean | undefined
  /** The width of the terminal in columns; undefined where there is no terminal. */
  readonly columns?: number | undefined
}

export type Loss = {
  /** A clause for people. */
  readonly reason: string
  /** True if the reader closed its end of the pipe, as `head` does once it has read enough. */
  readonly readerGone: boolean
}

export type OutputStream = Writable & { readonly isTTY?: boolean; readonly columns?: number }

/**
 * How many bytes may wait for a slow reader. Node writes to pipes asynchronously and buffers without a limit, so a
 * reader that stalls would otherwise fill the memory.
 */
export const MAX_WAITING_BYTES = 4 * 1024 * 1024

const READER_GONE_CODES: ReadonlySet<string | undefined> = new Set(['EPIPE', 'ECONNRESET'])

/**
 * Wraps a stream. Every write is attempted, also after an error: a full disk may have room again, and a named pipe may
 * get another reader.
 */
export function openOutput(stream: OutputStream): Output {
  let loss: Loss | undefined
  let waiting = 0
  let onDrained: (() => void)[] = []
  const failed = ({ code, message }: NodeJS.ErrnoException): void => {
    loss ??= { reason: message, readerGone: READER_GONE_CODES.has(code) }
  }
  // An 'error' event without a listener ends the process.
  stream.on('error', failed)
  const written = (error: Error | null | undefined): void => {
    if (error) failed(error)
    waiting -= 1
    if (waiting > 0) return
    for (const resolve of onDrained) resolve()
    onDrained = []
  }
  return {
    write(text) {
      if (stream.writableLength > MAX_WAITING_BYTES) {
        loss ??= { reason: 'its reader is too slow', readerGone: false }
        return
      }
      waiting += 1
      stream.write(text, written)
    },
    drained: () =>
      waiting === 0 ? Promise.resolve() : new Promise((resolve) => void onDrained.push(resolve)),
    get loss() {
      return loss
    },
    get isTTY() {
      return stream.isTTY
    },
    get columns() {
      return stream.columns
    },
  }
}
