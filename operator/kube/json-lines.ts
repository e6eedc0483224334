import type { Readable } from 'node:stream'

/**
 * etcd accepts objects of 1.5 MiB by default, and JSON escapes can multiply that by six; a longer line is not an
 * event.
 */
const MAX_LINE_LENGTH = 16 * 2 ** 20

/**
 * Parses one JSON value per line, as a watch sends them. Errors of the stream are passed through `wrap`; a line that
 * is not JSON throws a SyntaxError.
 */
export async function* readJsonLines<T>(
  body: Readable,
  wrap: (error: unknown) => Error,
): AsyncGenerator<T, void, void> {
  body.setEncoding('utf8')
  let rest: string[] = []
  let length = 0
  try {
    for await (const chunk of body as AsyncIterable<string>) {
      length += chunk.length
      if (length > MAX_LINE_LENGTH) throw new Error(`a line of more than ${MAX_LINE_LENGTH} characters`)
      const end = chunk.lastIndexOf('\n')
      if (end < 0) {
        // Chunks are joined when the line is complete: a large object arrives in dozens of chunks.
        rest.push(chunk)
        continue
      }
      const lines = [...rest, chunk.slice(0, end)].join('').split('\n')
      rest = [chunk.slice(end + 1)]
      length = chunk.length - end - 1
      for (const line of lines.filter((line) => line !== '')) yield JSON.parse(line) as T
    }
  } catch (error) {
    throw error instanceof SyntaxError ? error : wrap(error)
  } finally {
    body.destroy()
  }
}
