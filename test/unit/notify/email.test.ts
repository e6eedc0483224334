import { readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { SMTPServer } from 'smtp-server'
import type { SMTPServerOptions } from 'smtp-server'
import { afterAll, describe, expect, it } from 'vitest'
import { sendEmail } from '../../../job-image/notify/email.ts'
import type { MailOptions } from '../../../job-image/notify/email.ts'
import type { Email } from '../../../job-image/notify/sink.ts'
import { createAuthority, issueCertificate } from '../../../scripts/control-plane/certificates.ts'
import { runCli } from '../../support/cli.ts'
import { noticeOf } from '../../support/notice.ts'
import { createFolder } from '../../support/run-command.ts'

type Mail = {
  readonly from: string
  readonly to: readonly string[]
  readonly text: string
  readonly secure: boolean
}

const authority = createAuthority('mail authority')
const { certificate, key } = issueCertificate(authority, { commonName: 'mail', hosts: ['127.0.0.1'] })
const folder = createFolder()

/** A mail server on a port of its own, closed with the test file. */
async function startMailServer(options: SMTPServerOptions = {}) {
  const mails: Mail[] = []
  const server = new SMTPServer({
    cert: certificate,
    key,
    authOptional: true,
    disableReverseLookup: true,
    onAuth: ({ username, password }, _session, done) =>
      username === 'robot' && password === 'canary-Pa55w0rd'
        ? done(null, { user: username })
        : done(new Error(`no such login: ${username} ${password}`)),
    onData: (stream, { envelope, secure }, done) => {
      let text = ''
      stream.on('data', (chunk: Buffer) => (text += chunk.toString()))
      stream.on('end', () => {
        const from = envelope.mailFrom === false ? '' : envelope.mailFrom.address
        mails.push({ from, to: envelope.rcptTo.map(({ address }) => address), text, secure })
        done()
      })
    },
    ...options,
  })
  server.on('error', () => {})
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  afterAll(() => new Promise<void>((resolve) => server.close(resolve)))
  return { mails, port: (server.server.address() as AddressInfo).port }
}

const emailTo = (port: number, changes: Partial<Email> = {}): Email => ({
  type: 'email',
  host: '127.0.0.1',
  port,
  tls: 'none',
  from: 'RapidRMF <rapidrmf@example.org>',
  to: ['grc@example.org', 'ops@example.org'],
  ...changes,
})
const OPTIONS: MailOptions = { timeout: 5_000, allowPrivateAddresses: true }
const failure = (email: Email, options: Partial<MailOptions> = {}): Promise<string> =>
  sendEmail(noticeOf(), email, { ...OPTIONS, ...options }).then(() => 'sent', String)

describe('a mail', () => {
  it('arrives, once for all who get it', async () => {
    const { mails, port } = await startMailServer({ disabledCommands: ['STARTTLS'] })
    await sendEmail(noticeOf(), emailTo(port), OPTIONS)
    expect(mails).toHaveLength(1)
    expect(mails[0]).toMatchObject({
      from: 'rapidrmf@example.org',
      to: ['grc@example.org', 'ops@example.org'],
      secure: false,
    })
    expect(mails[0]?.text).toMatch(/^Message-ID: <event-1@rapidrmf\.invalid>\r$/m)
    expect(mails[0]?.text).toMatch(/^Auto-Submitted: auto-generated\r$/m)
    expect(mails[0]?.text).toMatch(/^Content-Type: multipart\/alternative/m)
  })

  it('gets no header from a name', async () => {
    const { mails, port } = await startMailServer({ disabledCommands: ['STARTTLS'] })
    const environment = 'x\r\nBcc: thief@example.org\r\n\r\nnew body'
    await sendEmail(noticeOf({ environment }), emailTo(port), OPTIONS)
    expect(mails[0]?.to).toEqual(['grc@example.org', 'ops@example.org'])
    expect(mails[0]?.text).not.toMatch(/^Bcc:/im)
  })
})

describe('a mail server', () => {
  it('that is not there', async () => {
    expect(await failure(emailTo(1))).toContain('127.0.0.1: refused the connection')
  })

  it('that offers no TLS gets nothing where TLS is asked for', async () => {
    const { mails, port } = await startMailServer({ disabledCommands: ['STARTTLS'] })
    const login = { user: 'robot', password: 'canary-Pa55w0rd' }
    expect(await failure(emailTo(port, { tls: 'starttls', login }))).toMatch(/127\.0\.0\.1: TLS failed/)
    expect(mails).toEqual([])
  })

  it.each(['starttls', 'implicit'] as const)(
    'whose certificate nobody trusts gets nothing: %s',
    async (tls) => {
      const { mails, port } = await startMailServer({ secure: tls === 'implicit' })
      expect(await failure(emailTo(port, { tls }))).toMatch(/certificate is not trusted/)
      expect(mails).toEqual([])
    },
  )

  it('that refuses the login is told of without it', async () => {
    const { port } = await startMailServer({ disabledCommands: ['STARTTLS'], allowInsecureAuth: true })
    const login = { user: 'canary-user', password: 'canary-wrong' }
    const error = await failure(emailTo(port, { login }))
    expect(error).toContain('127.0.0.1: refused the login (535)')
    expect(error).not.toContain('canary')
  })

  it('that refuses all recipients', async () => {
    const { port } = await startMailServer({
      disabledCommands: ['STARTTLS'],
      onRcptTo: (_address, _session, done) => done(new Error('secret-of-the-server')),
    })
    const error = await failure(emailTo(port))
    expect(error).toContain('127.0.0.1: refused the sender or all recipients')
    expect(error).not.toContain('secret-of-the-server')
  })

  it('that accepts the connection and says nothing is given up after the timeout', async () => {
    const silent = createServer(() => {})
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
    const { port } = silent.address() as AddressInfo
    const start = performance.now()
    expect(await failure(emailTo(port), { timeout: 300 })).toContain('did not answer within 0.3 s')
    expect(performance.now() - start).toBeLessThan(1_500)
    // Resolves only because the connection was let go of.
    await new Promise((resolve) => silent.close(resolve))
  })

  it('at a private address gets no connection unless that is allowed', async () => {
    const { mails, port } = await startMailServer({ disabledCommands: ['STARTTLS'] })
    const lookup = async () => [{ address: '127.0.0.1', family: 4 }]
    const email = emailTo(port, { host: 'mail.example' })
    expect(await failure(email, { allowPrivateAddresses: false, lookup })).toMatch(
      /mail\.example: is at a private/,
    )
    expect(mails).toEqual([])
    expect(await failure(email, { lookup })).toBe('sent')
  })
})

describe('over TLS, with a login, by an authority of one’s own', () => {
  it.each(['starttls', 'implicit'] as const)('%s', async (tls) => {
    const { mails, port } = await startMailServer({ secure: tls === 'implicit', authOptional: false })
    folder.write('authority.pem', authority.certificate)
    folder.write(
      'config.yaml',
      `environments: { production: {} }
notifications:
  - name: mail
    type: email
    on: [errored]
    allow_private_addresses: true
    host: 127.0.0.1
    port: ${port}
    tls: ${tls}
    user: robot
    password: \${SMTP_PASSWORD}
    from: rapidrmf@example.org
    to: grc@example.org
`,
    )
    const { code, stdout, stderr } = await runCli(['notify', 'test', '--json'], {
      cwd: folder.path,
      env: { SMTP_PASSWORD: 'canary-Pa55w0rd', NODE_EXTRA_CA_CERTS: `${folder.path}/authority.pem` },
    })
    expect([stdout, stderr, code]).toEqual([expect.stringContaining('"outcome": "sent"') as string, '', 0])
    expect(mails).toMatchObject([{ secure: true, to: ['grc@example.org'] }])
    expect(stdout + readFileSync(`${folder.path}/config.yaml`, 'utf8')).not.toContain('canary')
  })
})
