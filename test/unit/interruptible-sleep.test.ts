import { expect, it } from 'vitest'
import { InterruptedError } from '../../job-image/errors.ts'
import { interruptibleSleep } from '../../job-image/interruptible-sleep.ts'

it('ends after its delay, with or without a signal', async () => {
  await interruptibleSleep(1, undefined)
  await interruptibleSleep(1, new AbortController().signal)
})

it('is interrupted at once by its signal, and names the cause', async () => {
  const stop = new AbortController()
  const sleeping = interruptibleSleep(60_000, stop.signal)
  const reason = new Error('SIGTERM')
  stop.abort(reason)
  const error: unknown = await sleeping.catch((thrown: unknown) => thrown)
  expect(error).toBeInstanceOf(InterruptedError)
  expect(error).toMatchObject({ message: 'stopped while waiting', cause: reason })
  await expect(interruptibleSleep(60_000, stop.signal)).rejects.toThrow(InterruptedError)
})
