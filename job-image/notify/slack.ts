import { post, requireTaken } from '../../common/webhook/http.ts'
import type { Post } from '../../common/webhook/http.ts'
import { messageOf } from './message.ts'
import type { Notice } from './notice.ts'

/** `text` alone, in Slack's mrkdwn: every service that takes Slack's webhooks understands it. */
export function slackPayload(notice: Notice): { readonly text: string } {
  const { title, text, facts } = messageOf(notice)
  const lines = facts.map(([name, value]) => `• ${name}: ${escapeSlack(value)}`)
  return { text: [`*${escapeSlack(title)}*`, escapeSlack(text), ...lines].join('\n') }
}

/**
 * `&`, `<` and `>` as Slack asks for, so that a name is no link and no `<!channel>`. Others than Slack also take a plain
 * `@channel` for a call: a zero-width space parts the sign from the word.
 */
export function escapeSlack(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll(/@(?=channel|here|all|everyone)/gi, '@\u200B')
}

/** Slack's words for what is wrong (`channel_is_archived`, `no_service`), and nothing that could be anything else. */
const SLACK_WORD = /^[a-z]+(_[a-z]+){1,5}$/

export async function sendSlack(
  notice: Notice,
  options: Pick<Post, 'url' | 'timeout' | 'allowPrivateAddresses' | 'signal' | 'lookup'>,
): Promise<void> {
  const answer = await post({
    ...options,
    headers: { 'content-type': 'application/json; charset=utf-8' },
    body: JSON.stringify(slackPayload(notice)),
  })
  const word = answer.text.trim()
  const harmless = SLACK_WORD.test(word) && word.length <= 60 && !options.url.includes(word)
  requireTaken(options.url, answer, harmless ? word : undefined)
}
