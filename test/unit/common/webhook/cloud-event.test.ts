import { expect, it } from 'vitest'
import { CLOUD_EVENT_TYPE, cloudEvent } from '../../../../common/webhook/cloud-event.ts'

const EVENT = { id: '7', type: 'run.broke', subject: 'nightly', time: '2026-11-24T02:00:00Z', data: { a: 1 } }

it('has the attributes of CloudEvents 1.0', () => {
  expect(cloudEvent({ ...EVENT, source: ['production', 'job'] })).toEqual({
    specversion: '1.0',
    id: '7',
    source: '/rapidrmf/production/job',
    type: 'io.rapidrmf.run.broke',
    subject: 'nightly',
    time: '2026-11-24T02:00:00Z',
    datacontenttype: 'application/json',
    data: { a: 1 },
  })
  expect(CLOUD_EVENT_TYPE).toBe('application/cloudevents+json; charset=utf-8')
})

it.each([
  ['Production, EU/1', '/rapidrmf/Production%2C%20EU%2F1'],
  ['é?#', '/rapidrmf/%C3%A9%3F%23'],
  ['half \ud800', '/rapidrmf/half%20%EF%BF%BD'],
])('encodes the segment %j of its source', (segment, source) => {
  expect(cloudEvent({ ...EVENT, source: [segment] }).source).toBe(source)
})
