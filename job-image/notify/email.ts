import { connect } from 'node:net'
import type { Socket } from 'node:net'
import type { LookupAddress } from 'node:dns'
import { asError } from '../errors.ts'
import { allowedAddresses, pinned } from '../../common/webhook/address.ts'
import type { Lookup } from '../../common/webhook/address.ts'
import { DeliveryError, unreachable, withinTime } from '../../common/webhook/failure.ts'
import { messageOf } from './message.ts'
import type { Notice } from './notice.ts'
import type { Email } from './sink.ts'

export type MailOptions = {
  /** Timeout of the whole delivery, in ms. */
  readonly timeout: number
  readonly allowPrivateAddresses: boolean
  readonly signal?: AbortSignal | undefined
  /** Replaced in tests. */
  readonly lookup?: Lookup | undefined
}

/** Sends one mail. Rejects with a DeliveryError made of codes only: the server's text may contain the login. */
export async function sendEmail(notice: Notice, email: Email, options: MailOptions): Promise<void> {
  const { host } = email
  // Imported on demand: the library is large, and most processes send no mail.
  const { createTransport } = await import('nodemailer')
  await withinTime(host, options.timeout, options.signal, async (signal) => {
    const addresses = await allowedAddresses(host, options.allowPrivateAddresses, options.lookup)
    const socket = await connected(addresses, email.port, signal)
    const transport = createTransport({
      host,
      port: email.port,
      secure: email.tls === 'implicit',
      requireTLS: email.tls === 'starttls',
      ignoreTLS: email.tls === 'none',
      getSocket: (_, callback) => callback(null, { connection: socket }),
      auth: email.login && { user: email.login.user, pass: email.login.password },
    })
    try {
      await transport.sendMail({ ...mailOf(notice, email), disableFileAccess: true, disableUrlAccess: true })
    } catch (thrown) {
      throw refusal(host, thrown)
    } finally {
      socket.destroy()
    }
  })
}

/**
 * Connects to one of these addresses; the library would resolve the name again. The signal closes the connection at any
 * point of the conversation.
 */
async function connected(
  addresses: readonly LookupAddress[],
  port: number,
  signal: AbortSignal,
): Promise<Socket> {
  signal.throwIfAborted()
  return new Promise((resolve, reject) => {
    const socket = connect({ host: 'pinned', port, lookup: pinned(addresses), signal })
    socket.once('error', reject).once('connect', () => {
      socket.off('error', reject).on('error', () => {})
      resolve(socket)
    })
  })
}

/** Descriptions of the library's errors; key: its `code`. */
const DESCRIPTIONS: Readonly<Record<string, string>> = {
  EAUTH: 'refused the login',
  ENOAUTH: 'requires a login; set "user" and "password"',
  ETLS: 'TLS failed: it offers none ("tls: none" sends in the clear), or its certificate is not trusted (NODE_EXTRA_CA_CERTS can name its authority)',
  EENVELOPE: 'refused the sender or all recipients',
  EMESSAGE: 'refused the mail',
  EPROTOCOL: 'does not speak SMTP as expected',
  ECONNECTION: 'closed the connection',
  ESOCKET: 'closed the connection, or its certificate is not trusted',
  ETIMEDOUT: 'did not answer in time',
}

function refusal(host: string, thrown: unknown): DeliveryError {
  const { code, responseCode } = asError(thrown) as { code?: unknown; responseCode?: unknown }
  const description = typeof code === 'string' ? DESCRIPTIONS[code] : undefined
  if (description === undefined) return unreachable(host, thrown)
  const response = typeof responseCode === 'number' ? ` (${responseCode})` : ''
  return new DeliveryError(`${host}: ${description}${response}`, { cause: thrown })
}

export type Mail = {
  readonly from: string
  readonly to: string[]
  readonly subject: string
  readonly text: string
  readonly html: string
  /** The same for every try, so that mail programs show duplicates once. */
  readonly messageId: string
  readonly headers: Readonly<Record<string, string>>
}

export function mailOf(notice: Notice, { from, to }: Pick<Email, 'from' | 'to'>): Mail {
  const { title, text, facts } = messageOf(notice)
  const rows = facts.map(
    ([name, value]) => `<tr><th align="left">${escapeHtml(name)}</th><td>${escapeHtml(value)}</td></tr>`,
  )
  return {
    from,
    to: [...to],
    subject: title,
    text: [text, '', ...facts.map(([name, value]) => `${name}: ${value}`), ''].join('\n'),
    html: `<p><strong>${escapeHtml(title)}</strong></p>\n<p>${escapeHtml(text)}</p>\n<table>\n${rows.join('\n')}\n</table>\n`,
    messageId: `<${notice.id}@rapidrmf.invalid>`,
    // RFC 3834: suppresses automatic replies.
    headers: { 'Auto-Submitted': 'auto-generated' },
  }
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

export function escapeHtml(text: string): string {
  return text.replaceAll(/[&<>"']/g, (sign) => ENTITIES[sign] ?? sign)
}
