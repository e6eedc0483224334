import { post, requireTaken } from '../../common/webhook/http.ts'
import type { Post } from '../../common/webhook/http.ts'
import { messageOf } from './message.ts'
import type { Notice } from './notice.ts'

/** The payload with `text` only, in Slack's mrkdwn, which all compatible services accept. */
export function slackPayload(notice: Notice): { readonly text: string } {
  const { title, text, facts } = messageOf(notice)
  const lines = facts.map(([name, value]) => `• ${name}: ${escapeSlack(value)}`)
  return { text: [`*${escapeSlack(title)}*`, escapeSlack(text), ...lines].join('\n') }
}

/**
 * Escapes `&`, `<` and `>` as Slack requires, so that a name creates no link and no `<!channel>`. Compatible services also
 * interpret a plain `@channel`; a zero-width space after `@` prevents that.
 */
export function escapeSlack(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll(/@(?=channel|here|all|everyone)/gi, '@\u200B')
}

/** Slack's error codes (`channel_is_archived`, `no_service`); other response text is not reported. */
const SLACK_CODE = /^[a-z]+(_[a-z]+){1,5}$/

export async function sendSlack(
  notice: Notice,
  options: Pick<Post, 'url' | 'timeout' | 'allowPrivateAddresses' | 'signal' | 'lookup'>,
): Promise<void> {
  const answer = await post({
    ...options,
    headers: { 'content-type': 'application/json; charset=utf-8' },
    body: JSON.stringify(slackPayload(notice)),
  })
  const code = answer.text.trim()
  const isHarmless = SLACK_CODE.test(code) && code.length <= 60 && !options.url.includes(code)
  requireTaken(options.url, answer, isHarmless ? code : undefined)
}
