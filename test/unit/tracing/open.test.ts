import { expect, it } from 'vitest'
import { openTracing } from '../../../job-image/tracing/open.ts'

async function open(env: Record<string, string>) {
  const warnings: string[] = []
  let text = ''
  const stderr = {
    write: (more: string) => void (text += more),
    drained: async () => undefined,
    loss: undefined,
  }
  const tracing = await openTracing({ env, stderr }, (message) => warnings.push(message))
  return { tracing, warnings, written: () => text }
}

it('there is no tracing without the variables of OpenTelemetry', async () => {
  expect(await open({})).toMatchObject({ tracing: undefined, warnings: [] })
})

it('what is not supported is a warning', async () => {
  const { tracing, warnings } = await open({ OTEL_TRACES_EXPORTER: 'zipkin' })
  expect(tracing).toBeUndefined()
  expect(warnings).toEqual([expect.stringContaining('"zipkin" is not known here')])
})

it('spans go where the variables say', async () => {
  const { tracing, warnings, written } = await open({ OTEL_TRACES_EXPORTER: 'console,zipkin' })
  expect(await tracing?.span('run', { 'rapidrmf.run.id': 7 }, async () => 'done')).toBe('done')
  await tracing?.end()
  expect(JSON.parse(written())).toMatchObject({ span: 'run', attributes: { 'rapidrmf.run.id': 7 } })
  expect(warnings).toHaveLength(1)
})
