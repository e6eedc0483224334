import { expect, it } from 'vitest'
import { StopReconcile, tryWrite } from '../../../../operator/reconcile/reconcile-result.ts'

it('a reconcile that stops early has its result, and is named after it', () => {
  const stop = new StopReconcile({ kind: 'done', requeueAt: 7 })
  expect(stop).toBeInstanceOf(Error)
  expect([stop.message, stop.result]).toEqual(['done', { kind: 'done', requeueAt: 7 }])
})

it('a write yields its value or its error', async () => {
  expect(await tryWrite(async () => 7)).toEqual({ value: 7 })
  const error = new Error('refused')
  expect(await tryWrite(() => Promise.reject(error))).toEqual({ error })
  const thrown = () => {
    throw error
  }
  expect(await tryWrite(thrown)).toEqual({ error })
})
