import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { parse } from 'yaml'
import { CHART, describeWithHelm, render } from './chart.ts'

describeWithHelm('values.schema.json', () => {
  it.each([
    ['replica=2', /additional properties 'replica' not allowed/],
    ['image.repo=x', /image.*additional properties 'repo' not allowed/s],
    ['job.image.pullpolicy=Never', /additional properties 'pullpolicy' not allowed/],
    ['metrics.serviceMonitor.enable=true', /additional properties 'enable' not allowed/],
    ['database.existingsecret=x', /additional properties 'existingsecret' not allowed/],
    ['replicas=two', /replicas.*got string, want integer/s],
    ['replicas=-1', /replicas.*minimum: got -1, want 0/s],
    ['namespaces=compliance', /namespaces.*got string, want array/s],
    ['namespaces[0]=Team A', /namespaces\/0.*does not match pattern/s],
    ['image.pullPolicy=always', /pullPolicy.*one of 'Always', 'IfNotPresent', 'Never'/s],
    ['image.repository=rapidrmf-operator:1.0', /repository.*does not match pattern/s],
    ['image.digest=latest', /digest.*does not match pattern/s],
    ['operator.logLevel=verbose', /logLevel.*one of 'debug', 'info', 'warn', 'error'/s],
    ['allow.images[0]=a b', /images\/0.*does not match pattern/s],
    ['allow.serviceAccounts[0]=a b', /serviceAccounts\/0.*does not match pattern/s],
    ['limits.allowedImages[0]=mirror.example/*', /additional properties 'limits' not allowed/],
    ['allow.allowedImages[0]=mirror.example/*', /additional properties 'allowedImages' not allowed/],
    ['networkPolicy.apiServerPorts[0]=70000', /apiServerPorts\/0.*maximum: got 70,?000, want 65,?535/s],
    ['config.data.environments=x', /config\/data.*got object, want string/s],
    ['notifications.url=hooks.example', /notifications\/url.*does not match pattern/s],
    ['notifications.url=https://me:pw@hooks.example', /notifications\/url.*does not match pattern/s],
    ['notifications.secret=x', /notifications.*additional properties 'secret' not allowed/s],
    ['notifications.existingSecret=x', /existingSecret.*got string, want object/s],
    ['notifications.existingSecret.urlKey=', /urlKey.*minLength: got 0, want 1/s],
    ['admissionPolicy.enabled=yes', /admissionPolicy\/enabled.*got string, want boolean/s],
  ])('refuses --set %s, and names the value', async (set, message) => {
    await expect(render('--set', set)).rejects.toThrow(message)
  })

  it.each([
    ['sample.create=true', /a schedule needs a configuration; set config.create=true/],
    ['sample.create=true,config.create=true,namespaces={elsewhere}', /add it to namespaces/],
    ['config.create=true,config.existingConfigMap=x', /keep one of them/],
    ['serviceAccount.create=false', /name the account that exists already, or set serviceAccount.create/],
    ['image.tag=1', /image\/tag.*got number, want string/s],
    ['notifications.url=http://hooks.svc', /use https:\/\/, or set notifications.allowPrivateAddresses/],
  ])('refuses %s, which cannot work, and explains what to do', async (set, message) => {
    await expect(render('--set', set)).rejects.toThrow(message)
  })

  it('accepts a tag of digits as a text', async () => {
    expect(JSON.stringify(await render('--set-string', 'image.tag=1'))).toContain('rapidrmf-operator:1"')
  })

  it('has all values, and allows no others in the chart’s own objects', () => {
    const schema = JSON.parse(readFileSync(join(CHART, 'values.schema.json'), 'utf8')) as Schema
    const values = parse(readFileSync(join(CHART, 'values.yaml'), 'utf8')) as object
    expect([...unknownIn(values, schema, '')]).toEqual([])
    expect([...openIn(schema, '')]).toEqual(OPEN)
  })
})

type Schema = {
  readonly type?: string | readonly string[]
  readonly additionalProperties?: false | Schema
  readonly properties?: Readonly<Record<string, Schema>>
  readonly items?: Schema
}

/** Values of Helm, Kubernetes or the job, which are checked there. */
const OPEN = [
  '.global',
  '.resources.requests',
  '.resources.limits',
  '.resources.claims[]',
  '.tolerations[]',
  '.affinity',
  '.sample.spec',
]

function* unknownIn(values: object, schema: Schema, path: string): Generator<string> {
  for (const [name, value] of Object.entries(values)) {
    const own = schema.properties?.[name]
    if (own === undefined) yield `${path}.${name}`
    else if (own.properties !== undefined) yield* unknownIn(value as object, own, `${path}.${name}`)
  }
}

function* openIn(schema: Schema, path: string): Generator<string> {
  const { type, additionalProperties, properties = {}, items } = schema
  if ([type].flat().includes('object') && additionalProperties === undefined) yield path
  for (const [name, own] of Object.entries(properties)) yield* openIn(own, `${path}.${name}`)
  if (items !== undefined) yield* openIn(items, `${path}[]`)
}
