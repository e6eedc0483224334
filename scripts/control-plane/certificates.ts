// X.509 certificates for the test cluster. node:crypto cannot write certificates, and not every machine has openssl, so
// this file encodes the few DER structures that are needed (RFC 5280).
import { generateKeyPairSync, randomBytes, sign, X509Certificate } from 'node:crypto'
import { isIPv4 } from 'node:net'

/** A certificate and its key, as PEM. */
export type Certificate = { readonly certificate: string; readonly key: string }

export type Subject = {
  readonly commonName: string
  /** Kubernetes reads the groups of a client from here. */
  readonly organizations?: readonly string[]
  /** DNS names and IPv4 addresses of a server. */
  readonly hosts?: readonly string[]
}

const VALID_DAYS = 30
const DAY_MS = 86_400_000

export function createAuthority(commonName: string): Certificate {
  const { publicKey, privateKey } = keyPair()
  const extensions = [
    extension('2.5.29.19', sequence(boolean(true)), true),
    // keyCertSign and cRLSign
    extension('2.5.29.15', der(0x03, Buffer.from([1, 0b00000110])), true),
  ]
  return issue(
    { issuer: name({ commonName }), subject: { commonName }, publicKey, extensions },
    privateKey,
    privateKey,
  )
}

/** Issues a certificate for a server at `hosts`, which is also valid for clients. */
export function issueCertificate(authority: Certificate, subject: Subject): Certificate {
  const { publicKey, privateKey } = keyPair()
  const hosts = subject.hosts ?? []
  const extensions = [
    // serverAuth and clientAuth
    extension('2.5.29.37', sequence(oid('1.3.6.1.5.5.7.3.1'), oid('1.3.6.1.5.5.7.3.2'))),
    ...(hosts.length === 0 ? [] : [extension('2.5.29.17', sequence(...hosts.map(alternativeName)))]),
  ]
  const issuer = issuerName(authority)
  return issue({ issuer, subject, publicKey, extensions }, privateKey, authority.key)
}

type Content = {
  readonly issuer: Buffer
  readonly subject: Subject
  readonly publicKey: Buffer
  readonly extensions: readonly Buffer[]
}

function issue(content: Content, key: string, signingKey: string): Certificate {
  const now = Date.now()
  const ecdsaWithSha256 = sequence(oid('1.2.840.10045.4.3.2'))
  const body = sequence(
    explicit(0, integer(Buffer.from([2]))),
    integer(Buffer.concat([Buffer.from([1]), randomBytes(15)])),
    ecdsaWithSha256,
    content.issuer,
    // Valid from yesterday, because the clock of another machine may be slow.
    sequence(time(new Date(now - DAY_MS)), time(new Date(now + VALID_DAYS * DAY_MS))),
    name(content.subject),
    content.publicKey,
    explicit(3, sequence(...content.extensions)),
  )
  const certificate = sequence(body, ecdsaWithSha256, bits(sign('sha256', body, signingKey)))
  const base64 = certificate.toString('base64').replaceAll(/.{1,64}/g, '$&\n')
  return { certificate: `-----BEGIN CERTIFICATE-----\n${base64}-----END CERTIFICATE-----\n`, key }
}

function keyPair(): { publicKey: Buffer; privateKey: string } {
  return generateKeyPairSync('ec', {
    namedCurve: 'P-256',
    publicKeyEncoding: { type: 'spki', format: 'der' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  })
}

function issuerName({ certificate }: Certificate): Buffer {
  const commonName = /^CN=(.*)$/m.exec(new X509Certificate(certificate).subject)?.[1]
  if (commonName === undefined) throw new Error('the authority has no common name')
  return name({ commonName })
}

function name({ commonName, organizations = [] }: Subject): Buffer {
  const part = (type: string, text: string): Buffer => set(sequence(oid(type), utf8(text)))
  return sequence(...organizations.map((each) => part('2.5.4.10', each)), part('2.5.4.3', commonName))
}

function alternativeName(host: string): Buffer {
  if (isIPv4(host)) return der(0x87, Buffer.from(host.split('.').map(Number)))
  return der(0x82, Buffer.from(host, 'ascii'))
}

function extension(type: string, value: Buffer, critical = false): Buffer {
  return sequence(oid(type), ...(critical ? [boolean(true)] : []), der(0x04, value))
}

function der(tag: number, content: Buffer): Buffer {
  const { length } = content
  // For lengths from 128 on, one byte holds the number of bytes of the length.
  const size = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff]
  return Buffer.concat([Buffer.from([tag, ...size]), content])
}

const sequence = (...parts: Buffer[]): Buffer => der(0x30, Buffer.concat(parts))
const set = (...parts: Buffer[]): Buffer => der(0x31, Buffer.concat(parts))
const explicit = (tag: number, content: Buffer): Buffer => der(0xa0 + tag, content)
const integer = (bytes: Buffer): Buffer => der(0x02, bytes)
const boolean = (value: boolean): Buffer => der(0x01, Buffer.from([value ? 0xff : 0]))
const bits = (bytes: Buffer): Buffer => der(0x03, Buffer.concat([Buffer.from([0]), bytes]))
const utf8 = (text: string): Buffer => der(0x0c, Buffer.from(text, 'utf8'))
const time = (at: Date): Buffer =>
  der(0x17, Buffer.from(`${at.toISOString().replaceAll(/[-:T]/g, '').slice(2, 14)}Z`, 'ascii'))

function oid(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number)
  return der(0x06, Buffer.from([40 * first + second, ...rest.flatMap(base128)]))
}

/** Encodes seven bits per byte, with the top bit set in all bytes but the last. */
function base128(value: number): number[] {
  const bytes = [value & 0x7f]
  for (let left = value >> 7; left > 0; left >>= 7) bytes.unshift(0x80 | (left & 0x7f))
  return bytes
}
