import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { mailOf } from '../../../job-image/notify/email.ts'
import { messageOf } from '../../../job-image/notify/message.ts'
import { noticeOf } from '../../support/notice.ts'

const ADDRESSES = { from: 'rapidrmf@example.org', to: ['grc@example.org'] }

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

describe('a message', () => {
  it('tells what changed', () => {
    const { title, text, facts } = messageOf(noticeOf())
    expect(title).toBe('Validation of production got worse: Passed → Findings')
    expect(text).toBe('2 of 12 results are not pass (3 systems, 4 controls)')
    expect(Object.fromEntries(facts)).toMatchObject({
      Verdict: 'Findings',
      'Last time': 'Passed (run 11)',
      Results: '10 pass, 0 fail, 2 insufficient evidence, 0 unknown, 0 errors',
      Run: '12 (key nightly-1)',
      More: 'rapidrmf runs show 12',
    })
  })

  it.each([
    ['errored', 'Validation of production broke'],
    ['recovered', 'Validation of production recovered: Passed → Findings'],
    ['findings', 'Validation of production: not everything passed (Findings)'],
    ['always', 'Validation of production: Findings'],
    ['test', 'Test notice of RapidRMF: this is what a notice looks like'],
  ] as const)('of %s has a title of its own', (trigger, title) => {
    expect(messageOf(noticeOf({}, { trigger })).title).toBe(title)
  })

  it('is short, and each part of it one line without control characters', () => {
    const { title, text, facts } = messageOf(
      noticeOf({ message: 'x'.repeat(9_000), environment: 'y'.repeat(900) }),
    )
    expect([title.length, text.length]).toEqual([150, 1_000])
    expect(Math.max(...facts.map(([, value]) => value.length))).toBeLessThanOrEqual(300)
    fc.assert(
      fc.property(notices, (notice) => {
        const message = messageOf(notice)
        for (const part of [message.title, message.text, ...message.facts.flat()]) {
          expect(part).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u)
        }
      }),
    )
  })
})

describe('a mail', () => {
  it('says the same in text and HTML, as one that a program wrote', () => {
    const mail = mailOf(noticeOf(), ADDRESSES)
    expect(mail).toMatchObject({
      ...ADDRESSES,
      subject: 'Validation of production got worse: Passed → Findings',
      messageId: '<event-1@rapidrmf.invalid>',
      headers: { 'Auto-Submitted': 'auto-generated' },
    })
    expect(mail.text).toContain('\nVerdict: Findings\n')
    expect(mail.html).toContain('<tr><th align="left">Verdict</th><td>Findings</td></tr>')
  })

  it('has no tag, entity or header that a name brought along', () => {
    const tags = (html: string): string[] => html.match(/<[^>]*>/g) ?? []
    const plain = tags(mailOf(noticeOf(), ADDRESSES).html)
    fc.assert(
      fc.property(notices, (notice) => {
        const { subject, html } = mailOf(notice, ADDRESSES)
        expect(subject).not.toMatch(/[\r\n]/)
        expect(tags(html)).toEqual(plain)
        expect(html).not.toMatch(/&(?!amp;|lt;|gt;|quot;|#39;)/)
      }),
    )
  })
})
