import { expect, it } from 'vitest'
import { sha256, sha256Hex } from '../../../common/sha256.ts'

/** printf 'grüße' | sha256sum */
const BY_COREUTILS = '8285d1ad84c6b6e475d3b50dbf90389c8c7a07a278d9ae46d5698cbe872e3834'

it('is the digest of the text in UTF-8', () => {
  expect(sha256Hex('grüße')).toBe(BY_COREUTILS)
  expect(sha256('grüße').toString('hex')).toBe(BY_COREUTILS)
})
