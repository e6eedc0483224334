// Filters that delay or merge the events of a watch, as a real watch may do.
import { setTimeout as sleep } from 'node:timers/promises'

type Event = { readonly type: string; readonly object: { readonly metadata: { readonly name?: string } } }

/** Delays all events until the gate opens. Each event waits, because a line that is not read would be lost. */
export async function* afterGate(
  lines: AsyncIterable<string>,
  gate: Promise<unknown>,
): AsyncIterable<string> {
  const source = lines[Symbol.asyncIterator]()
  let next = source.next()
  await gate
  for (let turn = await next; turn.done !== true; turn = await next) {
    next = source.next()
    yield turn.value
  }
}

/** Delays all events while frozen, and then passes them in order. */
export async function* whileThawed(
  lines: AsyncIterable<string>,
  frozen: () => Promise<unknown> | undefined,
): AsyncIterable<string> {
  for await (const line of lines) {
    await frozen()
    yield line
  }
}

/**
 * Passes the first event of an object at once, and merges later ones within the pause into the last: of a deletion and a
 * creation under the same name, only the latter.
 */
export async function* coalesced(lines: AsyncIterable<string>, pause: number): AsyncIterable<string> {
  const known = new Set<string>()
  const held = new Map<string, string>()
  const source = lines[Symbol.asyncIterator]()
  let next = source.next()
  let release: Promise<'release'> | undefined
  for (;;) {
    const turn = await Promise.race([next, ...(release === undefined ? [] : [release])])
    if (turn === 'release') {
      release = undefined
      yield* held.values()
      held.clear()
      continue
    }
    if (turn.done === true) return
    next = source.next()
    const { type, object } = JSON.parse(turn.value) as Event
    const name = object.metadata.name ?? ''
    if (held.size === 0 && !known.has(name)) {
      if (type !== 'BOOKMARK') known.add(name)
      yield turn.value
    } else if (type !== 'BOOKMARK') {
      // A watch sends events in the order of their versions.
      held.delete(name)
      held.set(name, turn.value)
      known.add(name)
      release ??= sleep(pause, 'release' as const)
    }
  }
}
