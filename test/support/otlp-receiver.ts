import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll } from 'vitest'

export type ReceivedSpan = {
  readonly name: string
  readonly traceId: string
  readonly spanId: string
  /** The parent's id; empty for a root. */
  readonly parentId: string
  /** The kind; 1: internal, 3: client. */
  readonly kind: number
  readonly attributes: Readonly<Record<string, unknown>>
  /** The status code; 2: error. */
  readonly status: number
  readonly milliseconds: number
}

export type OtlpReceiver = {
  readonly url: string
  readonly spans: ReceivedSpan[]
  /** The merged attributes of the resources. */
  readonly resource: Record<string, unknown>
  readonly requests: { readonly path: string; readonly type: string }[]
  /** The raw request bodies, to check that a text was not sent. */
  raw(): string
}

type Answer = (request: IncomingMessage, response: ServerResponse) => void

/** Starts a minimal collector of traces over OTLP/HTTP. `answer`: replaces the successful response. */
export async function startOtlpReceiver(answer?: Answer): Promise<OtlpReceiver> {
  const spans: ReceivedSpan[] = []
  const resource: Record<string, unknown> = {}
  const requests: { path: string; type: string }[] = []
  const bodies: Buffer[] = []
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const body = Buffer.concat(chunks)
      bodies.push(body)
      requests.push({ path: request.url ?? '', type: request.headers['content-type'] ?? '' })
      read(body, spans, resource)
      if (answer === undefined) response.writeHead(200, { 'content-type': 'application/x-protobuf' }).end()
      else answer(request, response)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  afterAll(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    spans,
    resource,
    requests,
    raw: () => Buffer.concat(bodies).toString('latin1'),
  }
}

/** The field numbers of opentelemetry-proto, trace/v1. */
function read(body: Buffer, spans: ReceivedSpan[], resource: Record<string, unknown>): void {
  for (const resourceSpans of messages(body, 1)) {
    for (const each of messages(resourceSpans, 1)) Object.assign(resource, keyValues(each, 1))
    for (const scopeSpans of messages(resourceSpans, 2)) {
      for (const span of messages(scopeSpans, 2)) spans.push(readSpan(span))
    }
  }
}

function readSpan(span: Buffer): ReceivedSpan {
  const status = messages(span, 15)[0] ?? Buffer.alloc(0)
  const bytes = (field: number): Buffer => messages(span, field)[0] ?? Buffer.alloc(0)
  const number = (message: Buffer, field: number): bigint => numbers(message, field)[0] ?? 0n
  return {
    traceId: bytes(1).toString('hex'),
    spanId: bytes(2).toString('hex'),
    parentId: bytes(4).toString('hex'),
    name: bytes(5).toString(),
    kind: Number(number(span, 6)),
    attributes: keyValues(span, 9),
    status: Number(number(status, 3)),
    milliseconds: Number(number(span, 8) - number(span, 7)) / 1e6,
  }
}

function keyValues(message: Buffer, field: number): Record<string, unknown> {
  return Object.fromEntries(
    messages(message, field).map((pair) => {
      const value = messages(pair, 2)[0] ?? Buffer.alloc(0)
      const text = messages(value, 1)[0]?.toString()
      return [messages(pair, 1)[0]?.toString() ?? '', text ?? Number(numbers(value, 3)[0] ?? 0n)]
    }),
  )
}

type Field = { readonly number: number; readonly value: bigint | Buffer }

const messages = (message: Buffer, field: number): Buffer[] =>
  fields(message).flatMap(({ number, value }) =>
    number === field && typeof value !== 'bigint' ? [value] : [],
  )
const numbers = (message: Buffer, field: number): bigint[] =>
  fields(message).flatMap(({ number, value }) =>
    number === field && typeof value === 'bigint' ? [value] : [],
  )

/** Parses the wire format of protocol buffers: varint (0), eight bytes (1), length and bytes (2), four bytes (5). */
function fields(message: Buffer): Field[] {
  const found: Field[] = []
  let at = 0
  const varint = (): bigint => {
    let value = 0n
    for (let shift = 0n; ; shift += 7n) {
      const byte = message.readUInt8(at)
      at += 1
      value |= BigInt(byte & 0x7f) << shift
      if (byte < 0x80) return value
    }
  }
  while (at < message.length) {
    const tag = Number(varint())
    const kind = tag & 7
    let value: bigint | Buffer
    if (kind === 0) value = varint()
    else {
      const length = kind === 1 ? 8 : kind === 5 ? 4 : Number(varint())
      const bytes = message.subarray(at, (at += length))
      value = kind === 1 ? bytes.readBigUInt64LE() : kind === 5 ? BigInt(bytes.readUInt32LE()) : bytes
    }
    found.push({ number: tag >> 3, value })
  }
  return found
}
