import { describe, expect, it } from 'vitest'
import { startTracing } from '../../../job-image/tracing/otel.ts'

type Line = {
  readonly span: string
  readonly trace_id: string
  readonly span_id: string
  readonly parent_span_id: string | null
  readonly attributes: object
  readonly error?: string
}

function start(env: Record<string, string> = {}) {
  let text = ''
  const stderr = {
    write: (more: string) => void (text += more),
    drained: async () => undefined,
    loss: undefined,
  }
  const warnings: string[] = []
  const tracing = startTracing({
    destinations: ['console'],
    env,
    stderr,
    warn: (message) => warnings.push(message),
  })
  const lines = async (): Promise<Line[]> => {
    await tracing.end()
    return text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Line)
  }
  return { tracing, lines, warnings }
}

describe('a span', () => {
  it('is under the one around it, also across waiting; those beside each other have no common span', async () => {
    const { tracing, lines } = start()
    await tracing.span('outer', {}, async () => {
      await new Promise(setImmediate)
      await tracing.span('inner', {}, async () => undefined)
    })
    await tracing.span('beside', {}, async () => undefined)
    const [inner, outer, beside] = await lines()
    expect([inner?.span, outer?.span, beside?.span]).toEqual(['inner', 'outer', 'beside'])
    expect(inner?.parent_span_id).toBe(outer?.span_id)
    expect(inner?.trace_id).toBe(outer?.trace_id)
    expect([outer?.parent_span_id, beside?.parent_span_id]).toEqual([null, null])
    expect(beside?.trace_id).not.toBe(outer?.trace_id)
  })

  it('has its attributes and what is noted later, without secrets and without what is not known', async () => {
    const { tracing, lines } = start()
    const attributes = { a: 1, b: 'password=canary', c: undefined, d: null, e: false }
    await tracing.span('run', attributes, async (note) =>
      note({ f: 'postgresql://u:canary@h/d', g: undefined }),
    )
    expect((await lines())[0]?.attributes).toEqual({
      a: 1,
      b: 'password=***',
      e: false,
      f: 'postgresql://***@h/d',
    })
  })

  it('of work that fails has the error, which is thrown', async () => {
    const { tracing, lines } = start()
    const error = new RangeError('lost postgresql://u:canary@h/d')
    const work = async () => {
      throw error
    }
    await expect(tracing.span('run', {}, work)).rejects.toBe(error)
    expect(await lines()).toMatchObject([
      { error: 'lost postgresql://***@h/d', attributes: { 'error.type': 'RangeError' } },
    ])
  })
})

it.each([
  [{ OTEL_TRACES_SAMPLER: 'always_off' }, 0],
  [{ OTEL_TRACES_SAMPLER: 'always_on' }, 1],
  [{ OTEL_TRACES_SAMPLER: 'traceidratio', OTEL_TRACES_SAMPLER_ARG: '0' }, 0],
  [{ OTEL_TRACES_SAMPLER: 'parentbased_traceidratio', OTEL_TRACES_SAMPLER_ARG: '0' }, 0],
  [{ OTEL_TRACES_SAMPLER: 'parentbased_traceidratio', OTEL_TRACES_SAMPLER_ARG: '1' }, 1],
  [{}, 1],
])('%j samples %i of one', async (env, count) => {
  const { tracing, lines } = start(env)
  await tracing.span('run', {}, async () => undefined)
  expect(await lines()).toHaveLength(count)
})

it('the end is never an error, and may come twice', async () => {
  const { tracing, warnings } = start()
  await tracing.end()
  await tracing.end()
  expect(warnings).toEqual([])
})
