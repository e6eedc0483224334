import { expect, it } from 'vitest'
import { urlProblem } from '../../../../common/webhook/url-problem.ts'

const rules = { allowPrivate: false, allowedBy: '"private: true"' }

it.each([
  ['https://hooks.example/secret', undefined],
  ['https://hooks.example/secret\n', /control character: was it made by echo/],
  ['hooks.example', /begins with https/],
  ['ftp://hooks.example', /begins with https/],
  ['https://me:secret@hooks.example', /a login does not belong into the URL$/],
  ['http://hooks.example/secret', /use https:\/\/ \(http:\/\/ is for "private: true"\)/],
])('the problem of %j', (url, message) => {
  const problem = urlProblem(url, rules)
  if (message === undefined) expect(problem).toBeUndefined()
  else expect(problem).toMatch(message)
  expect(problem ?? '').not.toContain('secret')
})

it('http:// is for private networks, and a login for where the caller says', () => {
  expect(urlProblem('http://hooks.svc', { ...rules, allowPrivate: true })).toBeUndefined()
  expect(urlProblem('https://me@hooks.svc', { ...rules, loginGoesTo: '"headers"' })).toMatch(
    /URL; use "headers"$/,
  )
})
