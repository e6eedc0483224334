import { once } from 'node:events'
import { setImmediate } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { UnreachableError } from '../../../job-image/db/session/errors.ts'
import { InputError } from '../../../job-image/errors.ts'
import { runLanes } from '../../../job-image/run/lanes.ts'
import { Session } from '../../../job-image/run/session.ts'

const [first, second] = [1, 2].map(() => new Session({ url: 'postgresql://nowhere' }, 0)) as [
  Session,
  Session,
]
const away = new UnreachableError('away')

/** What a lane does that has no connection: it waits until it is not wanted any more. */
async function waitForConnection(idle: AbortSignal): Promise<never> {
  if (!idle.aborted) await once(idle, 'abort')
  throw away
}

async function lanes(
  step: (session: Session, idle: AbortSignal) => Promise<boolean>,
): Promise<readonly Error[]> {
  const missing: Error[] = []
  await runLanes({
    sessions: [first, second],
    step,
    mayContinue: () => true,
    onMissing: (error) => void missing.push(error),
  })
  return missing
}

it('a lane that waits for its connection ends with those that have done the work', async () => {
  let steps = 3
  const step = async (session: Session, idle: AbortSignal): Promise<boolean> =>
    session === first ? (steps -= 1) > 0 : waitForConnection(idle)
  expect(await lanes(step)).toEqual([])
  expect(steps).toBe(0)
})

it('a lane that has waited in vain is missing, and fails nothing', async () => {
  const step = async (session: Session): Promise<boolean> => {
    if (session === second) throw away
    // Later than whatever follows from the other one's failure.
    await setImmediate()
    return false
  }
  expect(await lanes(step)).toEqual([away])
})

it('lanes that are all without a connection fail', async () => {
  await expect(lanes(() => Promise.reject(away))).rejects.toBe(away)
})

it('an error of one lane ends the others, also one that waits for its connection', async () => {
  const fault = new InputError('bad')
  const step = async (session: Session, idle: AbortSignal): Promise<boolean> =>
    session === first ? Promise.reject(fault) : waitForConnection(idle)
  await expect(lanes(step)).rejects.toBe(fault)
})
