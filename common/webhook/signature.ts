import { createHmac } from 'node:crypto'

export const SIGNATURE_HEADER = 'rapidrmf-signature'

/**
 * `t=SECONDS,v1=HEX`: HMAC-SHA256 with the sink's secret over the time, a dot and the body's bytes. The time is in
 * what is signed, so that a receiver can refuse what somebody recorded and sends again later.
 */
export function signature(secret: string, unixSeconds: number, body: string): string {
  const digest = createHmac('sha256', secret).update(`${unixSeconds}.`).update(body).digest('hex')
  return `t=${unixSeconds},v1=${digest}`
}
