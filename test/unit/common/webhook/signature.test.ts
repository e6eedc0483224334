import { expect, it } from 'vitest'
import { signature } from '../../../../common/webhook/signature.ts'

/** printf '1700000000.BODY' | openssl dgst -sha256 -hmac secret */
const BY_OPENSSL = 'b2da9cf18189e871c12c2163e08af8f5e2b07f73f79bd38535b7df1444185f3f'

it('signs the time and the body, as openssl does', () => {
  expect(signature('secret', 1_700_000_000, '{"specversion":"1.0","ü":"€"}')).toBe(
    `t=1700000000,v1=${BY_OPENSSL}`,
  )
})
