import { EventEmitter } from 'node:events'
import { DatabaseError } from 'pg'
import type { Client } from 'pg'
import { describe, expect, it } from 'vitest'
import { watchStatements } from '../../../job-image/tracing/queries.ts'
import type { SpanAttributes } from '../../../job-image/tracing/tracing.ts'

/** A session whose statements have this result, and the spans that are made of them. */
function session(result: (...args: unknown[]) => unknown, url = 'postgresql://u:canary@h:5433/d%20b') {
  const spans: { name: string; attributes: SpanAttributes; ends: unknown[][] }[] = []
  const asked: unknown[][] = []
  const client = {
    query(...args: unknown[]) {
      if (this !== client) throw new Error('called on another object')
      asked.push(args)
      return result(...args)
    },
  }
  watchStatements(client as unknown as Client, url, (name, attributes) => {
    const ends: unknown[][] = []
    spans.push({ name, attributes, ends })
    return (...end) => void ends.push(end.filter((each) => each !== undefined))
  })
  return { client, spans, asked, query: (...args: unknown[]) => client.query(...args) }
}
const done = async () => ({ rows: [] })

describe('a statement', () => {
  it('has a span with its text and its place, and none of its values', async () => {
    const { query, spans, asked } = session(done)
    expect(await query('\n SELECT id FROM systems WHERE name = $1 ', ['canary'])).toEqual({ rows: [] })
    expect(asked).toEqual([['\n SELECT id FROM systems WHERE name = $1 ', ['canary']]])
    expect(spans).toEqual([
      {
        name: 'SELECT systems',
        attributes: {
          'db.system.name': 'postgresql',
          'db.namespace': 'd b',
          'server.address': 'h',
          'server.port': 5433,
          'db.operation.name': 'SELECT',
          'db.collection.name': 'systems',
          'db.query.summary': 'SELECT systems',
          'db.query.text': 'SELECT id FROM systems WHERE name = $1',
        },
        ends: [[]],
      },
    ])
  })

  it('has the standard port, and no database where the URL names none', async () => {
    const { query, spans } = session(done, 'postgresql://%2Frun%2Fpg/')
    await query('BEGIN')
    expect(spans[0]?.attributes).toMatchObject({
      'server.address': '/run/pg',
      'server.port': 5432,
      'db.namespace': undefined,
    })
  })

  it('may be a configuration or a stream, and has at most 2,000 characters', async () => {
    const { query, spans } = session(done)
    await query({ text: 'DELETE FROM runs', values: ['canary'] })
    await query({})
    await query(`SELECT ${'x'.repeat(3_000)}`)
    expect(spans.map(({ name }) => name)).toEqual(['DELETE runs', 'COPY', 'SELECT'])
    expect(spans[2]?.attributes['db.query.text']).toHaveLength(2_000)
  })

  it('that fails ends its span with the error, and with its SQLSTATE', async () => {
    const refused = Object.assign(new DatabaseError('duplicate key', 1, 'error'), { code: '23505' })
    const lost = Object.assign(new Error('lost'), { code: 'ECONNRESET' })
    for (const [error, end] of [
      [refused, [refused, '23505']],
      [lost, [lost]],
    ] as const) {
      const { query, spans } = session(() => Promise.reject(error))
      await expect(query('SELECT 1')).rejects.toBe(error)
      expect(spans[0]?.ends).toEqual([end])
    }
  })

  it('that is refused at once ends its span too', () => {
    const error = new TypeError('no text')
    const { query, spans } = session(() => {
      throw error
    })
    expect(() => query('SELECT 1')).toThrow(error)
    expect(spans[0]?.ends).toEqual([[error]])
  })
})

describe('a stream', () => {
  it.each(['finish', 'end', 'close'])('ends its span once, with %s', (event) => {
    const stream = new EventEmitter()
    const { query, spans } = session(() => stream)
    expect(query({ text: 'COPY results FROM STDIN' })).toBe(stream)
    expect(spans[0]?.ends).toEqual([])
    for (const each of [event, 'close', 'end']) stream.emit(each)
    expect(spans[0]?.ends).toEqual([[]])
  })

  it('that breaks ends its span with the error', () => {
    const stream = new EventEmitter()
    const { query, spans } = session(() => stream)
    query({ text: 'COPY results FROM STDIN' })
    const error = new Error('lost')
    stream.emit('error', error)
    stream.emit('close')
    expect(spans[0]?.ends).toEqual([[error]])
  })
})
