import { Readable } from 'node:stream'
import { expect, test } from 'vitest'
import { readJsonLines } from '../../../../operator/kube/json-lines.ts'

const wrap = (error: unknown): Error => new Error(`wrapped: ${(error as Error).message}`)

async function read(chunks: Iterable<string | Buffer>): Promise<unknown[]> {
  const found: unknown[] = []
  for await (const value of readJsonLines(Readable.from(chunks, { objectMode: false }), wrap))
    found.push(value)
  return found
}

test('reads one value per line, wherever the chunks end', async () => {
  expect(await read(['{"a":', '1}\n{"a":2}\n\n{"a"', ':3', '}\n'])).toEqual([{ a: 1 }, { a: 2 }, { a: 3 }])
})

test('reads a character whose bytes are in two chunks', async () => {
  const bytes = Buffer.from('"grüße"\n')
  expect(await read([bytes.subarray(0, 4), bytes.subarray(4)])).toEqual(['grüße'])
})

test('gives each value as soon as its line is complete', async () => {
  const body = new Readable({ read: () => undefined })
  const values = readJsonLines(body, wrap)
  body.push('1\n2')
  expect(await values.next()).toEqual({ value: 1, done: false })
  body.push('3\n')
  expect(await values.next()).toEqual({ value: 23, done: false })
  await values.return()
  expect(body.destroyed).toBe(true)
})

test('omits a line that did not end', async () => {
  expect(await read(['1\n{"half":'])).toEqual([1])
})

test('throws a SyntaxError for a line that is not JSON', async () => {
  await expect(read(['1\n<html>\n'])).rejects.toThrow(SyntaxError)
})

test('passes an error of the stream through `wrap`', async () => {
  const broken = function* () {
    yield '1\n'
    throw new Error('reset')
  }
  await expect(read(broken())).rejects.toThrow('wrapped: reset')
})

test('accepts a line of 16 MiB, and no longer one', async () => {
  const text = (length: number) => [`"${'x'.repeat(length - 2)}"`, '\n']
  const most = 16 * 2 ** 20
  expect(await read(text(most - 1))).toHaveLength(1)
  await expect(read(text(most + 1))).rejects.toThrow('wrapped: a line of more than 16777216 characters')
})
