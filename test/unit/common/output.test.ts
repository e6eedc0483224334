import { Writable } from 'node:stream'
import { expect, it } from 'vitest'
import { MAX_WAITING_BYTES, openOutput } from '../../../common/output.ts'

type Done = (error?: Error | null) => void

/** A stream whose reader takes a text only when the test calls the function that `taken` holds for it. */
function slowStream() {
  const taken: { text: string; done: Done }[] = []
  const stream = new Writable({
    write: (chunk: Buffer, _encoding, done) => void taken.push({ text: String(chunk), done }),
  })
  return { stream, taken }
}

const withCode = (code: string, message: string): Error => Object.assign(new Error(message), { code })
const soon = () => new Promise(setImmediate)

it('is drained once every text has been written, and not before', async () => {
  const { stream, taken } = slowStream()
  const output = openOutput(stream)
  await output.drained()
  output.write('one')
  output.write('two')
  let drained = false
  const waiting = output.drained().then(() => (drained = true))
  taken[0]?.done()
  await soon()
  expect(drained).toBe(false)
  taken[1]?.done()
  await waiting
  expect(taken.map(({ text }) => text)).toEqual(['one', 'two'])
  expect(output.loss).toBeUndefined()
})

it.each([
  ['EPIPE', true],
  ['ECONNRESET', true],
  ['ENOSPC', false],
])('an error %s is the loss, and is not thrown', async (code, readerGone) => {
  const stream = new Writable({
    autoDestroy: false,
    write: (_chunk, _encoding, done) => done(withCode(code, `write ${code}`)),
  })
  const output = openOutput(stream)
  output.write('lost')
  await output.drained()
  expect(output.loss).toEqual({ reason: `write ${code}`, readerGone })
})

it('keeps the first reason of a loss', async () => {
  const { stream } = slowStream()
  const output = openOutput(stream)
  stream.emit('error', withCode('ENOSPC', 'the disk is full'))
  stream.emit('error', withCode('EPIPE', 'the pipe is closed'))
  expect(output.loss).toEqual({ reason: 'the disk is full', readerGone: false })
})

it('drops text only once more than the limit waits for a slow reader', () => {
  const { stream, taken } = slowStream()
  const output = openOutput(stream)
  output.write('x'.repeat(MAX_WAITING_BYTES))
  output.write('y')
  expect(output.loss).toBeUndefined()
  expect(stream.writableLength).toBe(MAX_WAITING_BYTES + 1)
  output.write('z')
  expect(output.loss).toEqual({ reason: 'its reader is too slow', readerGone: false })
  expect(stream.writableLength).toBe(MAX_WAITING_BYTES + 1)
  expect(taken).toHaveLength(1)
})

it('has the width of the terminal as it is now', () => {
  const stream = Object.assign(new Writable(), { isTTY: true, columns: 80 })
  const output = openOutput(stream)
  stream.columns = 120
  expect([output.isTTY, output.columns]).toEqual([true, 120])
  const pipe = openOutput(new Writable())
  expect([pipe.isTTY, pipe.columns]).toEqual([undefined, undefined])
})
