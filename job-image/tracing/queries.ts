import type { EventEmitter } from 'node:events'
import { DatabaseError } from 'pg'
import type { Client } from 'pg'
import { describeStatement } from './statement.ts'
import type { SpanAttributes } from './tracing.ts'

/** Begins a span and returns what ends it; with the error and its SQLSTATE if there was one. */
type Begin = (name: string, attributes: SpanAttributes) => (error?: unknown, code?: string) => void

/** Longer texts say no more about what a statement is. */
const MAX_TEXT = 2_000

/**
 * A span for each statement of a session: its text, which holds placeholders, and never the values. pg offers no hook,
 * so the session's own `query` is wrapped.
 */
export function watchStatements(client: Client, url: string, begin: Begin): void {
  const { hostname, port, pathname } = new URL(url)
  const known = {
    'db.system.name': 'postgresql',
    'db.namespace': decodeURIComponent(pathname.slice(1)) || undefined,
    'server.address': decodeURIComponent(hostname),
    'server.port': Number(port) || 5432,
  }
  const query = client.query.bind(client) as (...args: unknown[]) => unknown
  const traced = (...args: unknown[]): unknown => {
    const text = textOf(args[0])
    const { operation, table, summary } = describeStatement(text)
    const end = begin(summary, {
      ...known,
      'db.operation.name': operation,
      'db.collection.name': table,
      'db.query.summary': summary,
      'db.query.text': text.trim().slice(0, MAX_TEXT),
    })
    const failed = (error: unknown): void =>
      end(error, error instanceof DatabaseError ? error.code : undefined)
    try {
      const result = query(...args)
      if (result instanceof Promise) result.then(() => end(), failed)
      else onceDone(result as EventEmitter, end, failed)
      return result
    } catch (error) {
      failed(error)
      throw error
    }
  }
  client.query = traced as typeof client.query
}

/** COPY is a stream; whichever comes first is its end. */
function onceDone(stream: EventEmitter, end: () => void, failed: (error: unknown) => void): void {
  let done = false
  const once =
    (then: (error?: unknown) => void) =>
    (error?: unknown): void => {
      if (!done) then(error)
      done = true
    }
  stream.once('error', once(failed))
  stream
    .once(
      'finish',
      once(() => end()),
    )
    .once(
      'end',
      once(() => end()),
    )
    .once(
      'close',
      once(() => end()),
    )
}

/** The text of a query given as text, configuration or stream (pg-copy-streams). */
function textOf(statement: unknown): string {
  if (typeof statement === 'string') return statement
  const { text } = statement as { readonly text?: unknown }
  return typeof text === 'string' ? text : 'COPY'
}
