import { createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { afterAll, describe, expect, it } from 'vitest'
import { post, requireTaken } from '../../../../common/webhook/http.ts'
import type { Post } from '../../../../common/webhook/http.ts'
import { createAuthority, issueCertificate } from '../../../../scripts/control-plane/certificates.ts'
import { HANG, OK, startReceiver, status } from '../../../support/receiver.ts'

const send = (url: string, changes: Partial<Post> = {}) =>
  post({ url, headers: {}, body: 'a body', timeout: 2_000, allowPrivateAddresses: true, ...changes })

/** Speaks TCP only: what it writes is no, or half an, answer. */
async function startRaw(talk: (socket: Socket) => void): Promise<string> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket.on('error', () => {}).on('close', () => sockets.delete(socket)))
    socket.once('data', () => talk(socket))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  afterAll(async () => {
    for (const socket of sockets) socket.destroy()
    await new Promise((resolve) => server.close(resolve))
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
}

/** How long `work` took, in ms. */
async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now()
  await work()
  return performance.now() - start
}

describe('a post', () => {
  it('brings its body and headers, and gets the answer', async () => {
    const receiver = await startReceiver(status(202, { 'retry-after': '17' }, 'taken'))
    const answer = await send(`${receiver.url}/in?x=1`, {
      headers: { authorization: 'Bearer t' },
      body: 'grüße',
    })
    expect(answer).toEqual({ status: 202, text: 'taken', retryAfter: 17_000 })
    expect(receiver.requests).toMatchObject([
      { path: '/in?x=1', body: 'grüße', headers: { authorization: 'Bearer t', 'content-length': '7' } },
    ])
  })

  it('follows no redirect', async () => {
    const target = await startReceiver()
    const receiver = await startReceiver(status(307, { location: `${target.url}/secret` }))
    const answer = await send(receiver.url)
    expect(() => requireTaken(receiver.url, answer)).toThrow(
      /answered 307, with a redirect, and none is followed/,
    )
    expect(target.connections()).toBe(0)
  })

  it.each([500, 404, 302, 199 + 101])('is not taken with status %i', async (code) => {
    const receiver = await startReceiver(status(code))
    const answer = await send(receiver.url)
    expect(() => requireTaken(receiver.url, answer)).toThrow(`127.0.0.1: answered ${code}`)
  })

  it.each(['Upgrade: websocket\r\nConnection: Upgrade\r\n', ''])(
    'is not taken with 101 Switching Protocols (%j)',
    async (headers) => {
      const url = await startRaw((socket) => void socket.write(`HTTP/1.1 101 Switching\r\n${headers}\r\n`))
      const answer = await send(url)
      expect(() => requireTaken(url, answer)).toThrow('127.0.0.1: answered 101')
    },
  )

  it('waits for the answer proper after any other 1xx', async () => {
    const url = await startRaw((socket) => {
      socket.write('HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\n')
      socket.end('HTTP/1.1 204 No Content\r\n\r\n')
    })
    expect((await send(url)).status).toBe(204)
  })

  it('reads no more of an answer than anybody needs', async () => {
    let written = 0
    const receiver = await startReceiver((response) => {
      const more = (): void => {
        while (!response.destroyed && response.write('x'.repeat(65_536))) written += 65_536
        if (!response.destroyed) response.once('drain', more)
      }
      more()
    })
    const answer = await send(receiver.url)
    expect(answer.text).toHaveLength(4_096)
    expect(written).toBeLessThan(64 * 1024 * 1024)
  })
})

describe('a receiver that does not answer', () => {
  const cases: [string, () => Promise<string>][] = [
    ['hangs', async () => (await startReceiver(HANG)).url],
    [
      'trickles headers for ever',
      () =>
        startRaw((socket) => {
          socket.write('HTTP/1.1 200 OK\r\n')
          const timer = setInterval(() => socket.write('x: y\r\n'), 20)
          socket.on('close', () => clearInterval(timer))
        }),
    ],
    [
      'trickles a body for ever',
      () =>
        startRaw((socket) => {
          socket.write('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n')
          const timer = setInterval(() => socket.write('1\r\nx\r\n'), 50)
          socket.on('close', () => clearInterval(timer))
        }),
    ],
  ]
  it.each(cases)('%s: is given up after the timeout', async (_, start) => {
    const url = await start()
    const took = await timed(() =>
      expect(send(url, { timeout: 400 })).rejects.toThrow('127.0.0.1: did not answer within 0.4 s'),
    )
    expect(took).toBeLessThan(1_500)
  })

  it('whose name is never looked up: is given up after the timeout', async () => {
    const lookup = () => new Promise<never>(() => {})
    await expect(send('http://slow.example/', { timeout: 200, lookup })).rejects.toThrow(
      'slow.example: did not answer within 0.2 s',
    )
  })

  it('is let go of when nobody waits any more', async () => {
    const stop = new AbortController()
    const receiver = await startReceiver(() => stop.abort())
    await expect(send(receiver.url, { signal: stop.signal })).rejects.toThrow('was not waited for any longer')
  })
})

describe('a receiver that breaks off', () => {
  const cases: [string, (socket: Socket) => void][] = [
    ['before its answer', (socket) => void socket.destroy()],
    ['with a reset', (socket) => void socket.resetAndDestroy()],
    ['within its headers', (socket) => void socket.end('HTTP/1.1 200 OK\r\ncontent-le')],
    ['within its body', (socket) => void socket.end('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf')],
  ]
  it.each(cases)('%s has not taken it', async (_, talk) => {
    await expect(send(await startRaw(talk))).rejects.toThrow(
      '127.0.0.1: closed the connection before its answer was whole',
    )
  })

  it('and one that is not there', async () => {
    const receiver = await startReceiver()
    const url = receiver.url.replace(/:\d+$/, ':1')
    await expect(send(url)).rejects.toThrow('127.0.0.1: refused the connection')
  })

  it('and one that does not speak HTTP', async () => {
    const url = await startRaw((socket) => void socket.end('220 mail.example ESMTP secret-of-the-server\r\n'))
    const error = await send(url).catch((thrown: unknown) => thrown)
    expect(String(error)).toContain('127.0.0.1: failed (HPE_INVALID_CONSTANT)')
    expect(String(error)).not.toContain('secret-of-the-server')
  })
})

describe('a private address', () => {
  it.each([
    ['as it is', (port: number) => `http://127.0.0.1:${port}/`],
    ['as a number', (port: number) => `http://2130706433:${port}/`],
    ['in hexadecimal', (port: number) => `http://0x7f.1:${port}/`],
    ['mapped into IPv6', (port: number) => `http://[::ffff:127.0.0.1]:${port}/`],
    ['by the name localhost', (port: number) => `http://localhost:${port}/`],
  ])('%s is not even connected to', async (_, url) => {
    const receiver = await startReceiver(OK)
    await expect(send(url(receiver.port), { allowPrivateAddresses: false })).rejects.toThrow(
      /is at a private address/,
    )
    expect(receiver.connections()).toBe(0)
  })

  it('behind a public name is found out, and asked for once', async () => {
    const receiver = await startReceiver(OK)
    const asked: string[] = []
    const lookup = async (host: string) => {
      asked.push(host)
      return [{ address: '127.0.0.1', family: 4 }]
    }
    const url = `http://hooks.example:${receiver.port}/`
    await expect(send(url, { allowPrivateAddresses: false, lookup })).rejects.toThrow(/private address/)
    expect(receiver.connections()).toBe(0)
    await send(url, { lookup })
    expect(receiver.requests).toMatchObject([{ headers: { host: `hooks.example:${receiver.port}` } }])
    expect(asked).toEqual(['hooks.example', 'hooks.example'])
  })
})

describe('over TLS', () => {
  const authority = createAuthority('receivers')
  const { certificate, key } = issueCertificate(authority, {
    commonName: 'hooks',
    hosts: ['hooks.example'],
  })
  const lookup = async () => [{ address: '127.0.0.1', family: 4 }]
  const https = (host: string, port: number) => send(`https://${host}:${port}/`, { lookup })

  it('an authority that is not trusted is named as such', async () => {
    const receiver = await startReceiver(OK, { key, cert: certificate })
    await expect(https('hooks.example', receiver.port)).rejects.toThrow(
      'hooks.example: its certificate is not trusted; NODE_EXTRA_CA_CERTS can name its authority',
    )
    expect(receiver.requests).toEqual([])
  })

  it('the certificate must be for the name, not for the address that it leads to', async () => {
    const receiver = await startReceiver(OK, { key, cert: certificate })
    const before = getCACertificates('default')
    setDefaultCACertificates([...before, authority.certificate])
    try {
      await https('hooks.example', receiver.port)
      expect(receiver.requests).toHaveLength(1)
      await expect(https('other.example', receiver.port)).rejects.toThrow(
        'other.example: its certificate is for another name',
      )
      await expect(send(receiver.url)).rejects.toThrow('127.0.0.1: its certificate is for another name')
    } finally {
      setDefaultCACertificates(before)
    }
    expect(receiver.requests).toHaveLength(1)
  })
})
