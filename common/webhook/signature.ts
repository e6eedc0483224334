import { createHmac } from 'node:crypto'

export const SIGNATURE_HEADER = 'rapidrmf-signature'

/**
 * Signs a body as `t=SECONDS,v1=HEX`: HMAC-SHA256 with the sink's secret over the time, a dot and the body. The time
 * is signed too, so that a sink can refuse a replayed request.
 */
export function signature(secret: string, unixSeconds: number, body: string): string {
  const digest = createHmac('sha256', secret).update(`${unixSeconds}.`).update(body).digest('hex')
  return `t=${unixSeconds},v1=${digest}`
}
