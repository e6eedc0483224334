import { describe, expect, test } from 'vitest'
import { errorMessage, failureOf, KubeError, NotLeaderError } from '../../../../operator/kube/errors.ts'

describe('what a failure means', () => {
  const cases: [string, KubeError, object][] = [
    [
      'a bad zone',
      new KubeError(422, {
        reason: 'Invalid',
        message: 'the words',
        details: { causes: [{ field: 'spec.timeZone' }] },
      }),
      { kind: 'terminal', message: 'the words' },
    ],
    [
      'an admission policy',
      new KubeError(422, { reason: 'Invalid', message: 'x', details: { causes: [{ message: 'x' }] } }),
      { kind: 'terminal', message: 'x', recheck: 300_000 },
    ],
    [
      'a field of the wrong type',
      new KubeError(400, { reason: 'BadRequest', message: 'x' }),
      { kind: 'terminal', message: 'x' },
    ],
    ['too large', new KubeError(413, { message: 'x' }), { kind: 'terminal', message: 'x' }],
    [
      'forbidden',
      new KubeError(403, { reason: 'Forbidden', message: 'x' }),
      { kind: 'terminal', message: 'x', recheck: 300_000 },
    ],
    [
      'a namespace on its way out',
      new KubeError(403, { reason: 'Forbidden', details: { causes: [{ reason: 'NamespaceTerminating' }] } }),
      { kind: 'namespaceTerminating' },
    ],
    ['an old version', new KubeError(409, { reason: 'Conflict' }), { kind: 'conflict' }],
    ['a name taken', new KubeError(409, { reason: 'AlreadyExists' }), { kind: 'alreadyExists' }],
    ['gone', new KubeError(404, { reason: 'NotFound' }), { kind: 'notFound' }],
    ['expired', new KubeError(410, { reason: 'Expired' }), { kind: 'expired' }],
    ['busy, with a header', new KubeError(429, {}, 3_000), { kind: 'wait', after: 3_000 }],
    [
      'busy, in the body',
      new KubeError(503, { details: { retryAfterSeconds: 2 } }),
      { kind: 'wait', after: 2_000 },
    ],
    ['busy for a day', new KubeError(503, {}, 86_400_000), { kind: 'wait', after: 300_000 }],
    ['busy, for no one knows how long', new KubeError(503, {}), { kind: 'transient' }],
    ['broken', new KubeError(500, { reason: 'InternalError' }), { kind: 'transient' }],
    [
      'too large for etcd',
      new KubeError(500, { message: 'etcdserver: request is too large' }),
      { kind: 'terminal', message: 'etcdserver: request is too large' },
    ],
    [
      'too large for the connection to etcd',
      new KubeError(500, {
        message:
          'rpc error: code = ResourceExhausted desc = trying to send message larger than max (2300000 vs. 2097152)',
      }),
      { kind: 'terminal', message: expect.stringContaining('larger than max') as string },
    ],
    ['etcd away', new KubeError(500, { message: 'etcdserver: request timed out' }), { kind: 'transient' }],
    ['slow', new KubeError(504, { reason: 'Timeout' }), { kind: 'transient' }],
    ['a token that has just expired', new KubeError(401, { reason: 'Unauthorized' }), { kind: 'transient' }],
  ]
  test.each(cases)('%s', (_name, error, failure) => {
    expect(failureOf(error)).toEqual(failure)
  })

  test('whatever is thrown', () => {
    expect(failureOf('odd')).toEqual({ kind: 'transient' })
    expect(failureOf(undefined)).toEqual({ kind: 'transient' })
    expect(failureOf(new NotLeaderError('no'))).toEqual({ kind: 'notLeader' })
  })
})

describe('an error of the API server', () => {
  test('has the message, the reason and the causes of its Status', () => {
    const causes = [{ field: 'spec', message: 'm' }]
    const error = new KubeError(422, { message: 'refused', reason: 'Invalid', details: { causes } })
    expect([error.status, error.message, error.reason, error.causes]).toEqual([
      422,
      'refused',
      'Invalid',
      causes,
    ])
  })

  test('without a Status is named by its code', () => {
    const error = new KubeError(502, {})
    expect([error.message, error.reason, error.causes, error.retryAfter]).toEqual([
      'HTTP 502',
      '',
      [],
      undefined,
    ])
  })

  test('prefers the delay of the header to that of the body; a delay of 0 in the body is none', () => {
    expect(new KubeError(429, { details: { retryAfterSeconds: 2 } }, 3_000).retryAfter).toBe(3_000)
    expect(new KubeError(429, { details: { retryAfterSeconds: 0 } }).retryAfter).toBeUndefined()
  })

  test('has a message of at most four kilobytes', () => {
    expect(Buffer.byteLength(new KubeError(422, { message: 'é'.repeat(5_000) }).message)).toBeLessThanOrEqual(
      4_096,
    )
    expect(new KubeError(422, { message: 'x'.repeat(4_096) }).message).toHaveLength(4_096)
  })
})

test.each([
  [new Error('broken'), 'broken'],
  ['odd', 'odd'],
])('the message of %s for logs', (error, message) => {
  expect(errorMessage(error)).toBe(message)
})
