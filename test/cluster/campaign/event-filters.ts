// What a watch may do to those who watch: say things late, and leave out what came between.
import { setTimeout as sleep } from 'node:timers/promises'

type Event = { readonly type: string; readonly object: { readonly metadata: { readonly name?: string } } }

/** Nothing passes before the gate is open, and all of it then: lines that nobody asks for yet would be lost. */
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

/** While it is frozen nothing passes, and then all of it, in order. */
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
 * The first event of an object passes at once. What follows within the pause comes as one event, the last: of a deletion
 * and what was made in its place, only the latter.
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
      // In the order of their versions, as every watch sends them.
      held.delete(name)
      held.set(name, turn.value)
      known.add(name)
      release ??= sleep(pause, 'release' as const)
    }
  }
}
