import { expect, it } from 'vitest'
import { urlFault } from '../../../../common/webhook/url-fault.ts'

const rules = { allowPrivate: false, allowedBy: '"private: true"' }

it.each([
  ['https://hooks.example/secret', undefined],
  ['https://hooks.example/secret\n', /control character: was it made by echo/],
  ['hooks.example', /begins with https/],
  ['ftp://hooks.example', /begins with https/],
  ['https://me:secret@hooks.example', /a login does not belong into the URL$/],
  ['http://hooks.example/secret', /use https:\/\/ \(http:\/\/ is for "private: true"\)/],
])('the fault of %j', (url, message) => {
  const fault = urlFault(url, rules)
  if (message === undefined) expect(fault).toBeUndefined()
  else expect(fault).toMatch(message)
  expect(fault ?? '').not.toContain('secret')
})

it('http:// is for private networks, and a login for where the caller says', () => {
  expect(urlFault('http://hooks.svc', { ...rules, allowPrivate: true })).toBeUndefined()
  expect(urlFault('https://me@hooks.svc', { ...rules, loginGoesTo: '"headers"' })).toMatch(
    /URL; use "headers"$/,
  )
})
