import { createServer, connect as openSocket } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { afterAll } from 'vitest'

export type Proxy = {
  readonly port: number
  /** Returns the URL through the proxy. */
  through(url: string): string
  /** The number of bytes that clients have sent so far. */
  sent(): number
  connections(): number
  /** Ends every connection and refuses new ones. */
  cut(): void
  /** Ends every connection; new ones are served. */
  drop(): void
  /** Ends the clients' side of every connection and keeps the server's open; new ones are served. */
  forsake(): void
  /** Makes connections half-open: nothing is passed on, and neither side is notified. `new`: later connections are served. */
  freeze(scope?: 'all' | 'existing'): void
  /** Undoes `cut` and `freeze`. */
  restore(): void
  /** Directs later connections to another port. */
  redirect(port: number): void
}

type Pair = { readonly client: Socket; readonly server: Socket; frozen: boolean }

/** Starts a TCP proxy, closed at the end of the test file. `onSent`: called for each chunk that a client sends. */
export async function startProxy(target: number, onSent?: (total: number) => void): Promise<Proxy> {
  const pairs = new Set<Pair>()
  let mode: 'open' | 'cut' | 'frozen' = 'open'
  let sent = 0
  let port = target
  const listener = createServer((client) => {
    if (mode === 'cut') {
      client.resetAndDestroy()
      return
    }
    const pair: Pair = { client, server: openSocket(port, '127.0.0.1'), frozen: mode === 'frozen' }
    pairs.add(pair)
    join(pair)
    client.on('data', (chunk) => {
      sent += chunk.length
      onSent?.(sent)
    })
  })
  const join = (pair: Pair): void => {
    const { client, server } = pair
    const end = (): void => {
      // In a half-open connection neither side sees the other side's close.
      if (pair.frozen) return
      pairs.delete(pair)
      client.destroy()
      server.destroy()
    }
    for (const socket of [client, server]) socket.on('error', () => {}).on('close', end)
    flow(pair)
  }
  const flow = ({ client, server, frozen }: Pair): void => {
    if (frozen) {
      client.unpipe(server).pause()
      server.unpipe(client).pause()
    } else {
      client.pipe(server)
      server.pipe(client)
    }
  }
  const drop = (): void => {
    for (const { client, server } of pairs) {
      client.resetAndDestroy()
      server.destroy()
    }
    pairs.clear()
  }
  const setFrozen = (frozen: boolean): void => {
    for (const pair of pairs) {
      pair.frozen = frozen
      flow(pair)
    }
  }
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve))
  const own = (listener.address() as AddressInfo).port
  afterAll(async () => {
    drop()
    await new Promise((resolve) => listener.close(resolve))
  })
  return {
    port: own,
    through: (url) => Object.assign(new URL(url), { port: String(own) }).toString(),
    sent: () => sent,
    connections: () => pairs.size,
    cut: () => {
      mode = 'cut'
      drop()
    },
    drop,
    forsake: () => {
      setFrozen(true)
      for (const { client } of pairs) client.resetAndDestroy()
    },
    freeze: (scope = 'all') => {
      if (scope === 'all') mode = 'frozen'
      setFrozen(true)
    },
    restore: () => {
      mode = 'open'
      setFrozen(false)
    },
    redirect: (other) => {
      port = other
    },
  }
}
