import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  RESOURCES,
  compareVersions,
  controllerOf,
  keyOf,
  pathOf,
  splitKey,
  uidOf,
} from '../../../../operator/kube/object.ts'

describe('names', () => {
  test('a key and its parts', () => {
    expect(splitKey(keyOf({ namespace: 'n', name: 'a.b' }))).toEqual({ namespace: 'n', name: 'a.b' })
    expect(splitKey(keyOf({ name: 'cluster-wide' }))).toEqual({ namespace: '', name: 'cluster-wide' })
  })

  test('paths', () => {
    expect(pathOf(RESOURCES.pods)).toBe('/api/v1/pods')
    expect(pathOf(RESOURCES.schedules, { namespace: 'n', name: 'a/../b', subresource: 'status' })).toBe(
      '/apis/rapidrmf.io/v1alpha1/namespaces/n/validationschedules/a%2F..%2Fb/status',
    )
  })

  test('versions are ordered as the numbers they are', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 1n }), fc.bigInt({ min: 1n }), (a, b) => {
        const expected = a < b ? -1 : Number(a > b)
        expect(Math.sign(compareVersions(String(a), String(b)) ?? Number.NaN)).toBe(expected)
      }),
    )
    for (const odd of ['', '0', '007', 'abc', '-1']) expect(compareVersions(odd, '5')).toBeUndefined()
  })
})

describe('the controller of an object', () => {
  const owner = { apiVersion: 'batch/v1', kind: 'Job', name: 'a', uid: 'uid-a' }

  test('is the owner that says so', () => {
    const controller = { ...owner, uid: 'uid-b', controller: true }
    const ownerReferences = [owner, { ...owner, controller: false }, controller]
    expect(controllerOf({ metadata: { name: 'x', ownerReferences } })).toBe(controller)
    expect(controllerOf({ metadata: { name: 'x', ownerReferences: [owner] } })).toBeUndefined()
    expect(controllerOf({ metadata: { name: 'x' } })).toBeUndefined()
  })

  test.each([
    [owner, 'uid-a'],
    [{ ...owner, apiVersion: 'batch/v2' }, 'uid-a'],
    [{ ...owner, apiVersion: 'batch.example.com/v1' }, undefined],
    [{ ...owner, apiVersion: 'v1' }, undefined],
    [{ ...owner, kind: 'CronJob' }, undefined],
    [undefined, undefined],
  ])('%j is a Job with the UID %s', (reference, uid) => {
    expect(uidOf(reference, 'batch', 'Job')).toBe(uid)
  })
})
