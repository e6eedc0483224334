import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { escapeSlack, sendSlack, slackPayload } from '../../../job-image/notify/slack.ts'
import { noticeOf } from '../../support/notice.ts'
import { startReceiver, status } from '../../support/receiver.ts'

/** Names and errors come from databases and other programs. */
const hostile = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.constantFrom(
    '<!channel> <https://evil.example|the report>',
    '</td><script>alert(1)</script>',
    'x\r\nBcc: everybody@example.org',
    'x\n\n• Verdict: Passed',
    '@channel @HERE @everyone',
    '"onmouseover="x',
    "a'b",
    '&amp;',
    'line\u2028separator',
    'right\u202Eleft',
  ),
)
const notices = fc
  .record({ environment: hostile, schedule: hostile, message: hostile, runKey: hostile })
  .map((run) => noticeOf(run))

describe('for Slack', () => {
  it('no name is a link, a call or a line of its own', () => {
    fc.assert(
      fc.property(notices, (notice) => {
        const { text } = slackPayload(notice)
        expect(text).not.toMatch(/[<>]/)
        expect(text).not.toMatch(/&(?!amp;|lt;|gt;)/)
        expect(text).not.toMatch(/@(channel|here|all|everyone)/i)
        expect(
          text
            .split('\n')
            .slice(2)
            .every((line) => line.startsWith('• ')),
        ).toBe(true)
      }),
    )
  })

  it('what it says is told when it is a word of its own, and nothing else', async () => {
    const options = { timeout: 2_000, allowPrivateAddresses: true }
    const refused = async (body: string, path = '/services/T/B/key') => {
      const receiver = await startReceiver(status(404, {}, body))
      return sendSlack(noticeOf(), { ...options, url: `${receiver.url}${path}` }).then(() => '', String)
    }
    expect(await refused('channel_is_archived')).toContain('answered 404 (channel_is_archived)')
    expect(await refused('echo: /services/T/B/key')).toMatch(/answered 404$/)
    expect(await refused('se_cret', '/services/T/B/se_cret')).toMatch(/answered 404$/)
  })

  it('the title is bold, the message follows, and each fact is a line of its own', async () => {
    const lines = slackPayload(noticeOf({ message: 'a < b' })).text.split('\n')
    expect(lines[0]).toBe('*Validation of production got worse: Passed → Findings*')
    expect(lines[1]).toBe('a &lt; b')
    expect(lines).toContain('• Verdict: Findings')
    const receiver = await startReceiver()
    await sendSlack(noticeOf(), { url: receiver.url, timeout: 2_000, allowPrivateAddresses: true })
    expect(receiver.requests[0]?.headers['content-type']).toBe('application/json; charset=utf-8')
    expect(JSON.parse(receiver.requests[0]?.body ?? '')).toEqual(slackPayload(noticeOf()))
  })

  it('a mark of Slack is escaped once', () => {
    expect(escapeSlack('<!channel> & @Here @ops')).toBe('&lt;!channel&gt; &amp; @\u200BHere @ops')
    expect(escapeSlack('@channel @all @everyone')).toBe('@\u200Bchannel @\u200Ball @\u200Beveryone')
  })
})
