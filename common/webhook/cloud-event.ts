/** CloudEvents 1.0, structured content mode (https://github.com/cloudevents/spec, version 1.0.2). */
export const CLOUD_EVENT_TYPE = 'application/cloudevents+json; charset=utf-8'

export type CloudEvent = {
  readonly specversion: '1.0'
  readonly id: string
  /** A URI-reference; with `id` it identifies the event. */
  readonly source: string
  readonly type: string
  readonly subject: string
  /** RFC 3339 */
  readonly time: string
  readonly datacontenttype: 'application/json'
  readonly data: unknown
}

/** The attributes that differ between events. */
export type EventAttributes = Pick<CloudEvent, 'id' | 'type' | 'subject' | 'time' | 'data'> & {
  /** The source as path segments, which may contain any character. */
  readonly source: readonly string[]
}

export function cloudEvent({ source, id, type, subject, time, data }: EventAttributes): CloudEvent {
  return {
    specversion: '1.0',
    id,
    source: `/rapidrmf/${source.map(encodeSegment).join('/')}`,
    type: `io.rapidrmf.${type}`,
    subject,
    time,
    datacontenttype: 'application/json',
    data,
  }
}

/** A lone half of a surrogate pair has no UTF-8, and no URI. */
function encodeSegment(segment: string): string {
  return encodeURIComponent(segment.toWellFormed())
}
