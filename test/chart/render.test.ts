import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { parse, stringify } from 'yaml'
import packageJson from '../../package.json' with { type: 'json' }
import { readConfig } from '../../operator/config.ts'
import { CHART, describeWithHelm, helm, ofKind, one, render, valuesFile } from './chart.ts'
import type { Manifest, Raw } from './chart.ts'

const GENERATED = join(import.meta.dirname, '../../crds/validationschedules.rapidrmf.io.yaml')

const FILES = [
  ['CustomResourceDefinition', ''],
  ['PrometheusRule', ''],
  ['ConfigMap', 'dashboard'],
] as const

describeWithHelm('the chart', () => {
  it('passes lint without a warning', async () => {
    const said = await helm(['lint', '--strict', CHART, '--values', valuesFile('everything')])
    expect(said).toContain('0 chart(s) failed')
  })

  it.each(['default', 'namespaced', 'replicas', 'everything'])('renders as reviewed: %s', async (values) => {
    const objects = await render('--values', valuesFile(values))
    const text = objects
      // These are whole files of the chart, compared below.
      .filter(
        (object) =>
          !FILES.some(([kind, name]) => kind === object.kind && object.metadata.name.includes(name)),
      )
      .toSorted((a, b) => idOf(a).localeCompare(idOf(b)))
      .map((object) => stringify(object, { aliasDuplicateObjects: false }))
    await expect(text.join('---\n')).toMatchFileSnapshot(`golden/${values}.yaml`)
  })

  it('has the versions of the program', async () => {
    const chart = parse(readFileSync(join(CHART, 'Chart.yaml'), 'utf8')) as Record<string, string>
    expect(chart).toMatchObject({ version: packageJson.version, appVersion: packageJson.version })
    const { spec } = one(await render(), 'Deployment')
    const [container] = spec.template.spec.containers
    expect(container.image).toBe(`rapidrmf-operator:${packageJson.version}`)
    expect(container.args).toContain(`--image=rapidrmf-job:${packageJson.version}`)
  })

  it('has the generated CRD, which is kept when the release is uninstalled', async () => {
    const { metadata, ...crd } = one(await render(), 'CustomResourceDefinition')
    const { metadata: generated, ...wanted } = parse(readFileSync(GENERATED, 'utf8')) as Manifest
    expect(crd).toEqual(wanted)
    expect(metadata).toEqual({ ...generated, annotations: { 'helm.sh/resource-policy': 'keep' } })
  })

  it('has alerts and dashboard unchanged from their files', async () => {
    const objects = await render('--values', valuesFile('everything'))
    const file = (name: string): string => readFileSync(join(CHART, 'files', name), 'utf8')
    expect(one(objects, 'PrometheusRule')['spec']).toEqual(parse(file('alerts.yaml')))
    const { data } = one(objects, 'ConfigMap', 'rapidrmf-dashboard')
    expect(JSON.parse(data['rapidrmf.json'] as string)).toEqual(JSON.parse(file('dashboard.json')))
  })

  it.each(['default', 'namespaced', 'replicas', 'everything'])(
    'starts the operator with flags that it knows: %s',
    async (values) => {
      const { spec } = one(await render('--values', valuesFile(values)), 'Deployment')
      const config = readConfig(spec.template.spec.containers[0].args as string[], { POD_NAMESPACE: 'x' })
      expect(config).toMatchObject({ port: 8080, 'lease-namespace': 'x' })
    },
  )

  it('passes allow-lists and namespaces unchanged', async () => {
    const everything = one(await render('--values', valuesFile('everything')), 'Deployment')
    const namespaced = one(await render('--values', valuesFile('namespaced')), 'Deployment')
    const configOf = ({ spec }: Manifest) => readConfig(spec.template.spec.containers[0].args as string[], {})
    expect(configOf(everything)).toMatchObject({
      'allowed-images': ['registry.example/*', 'rapidrmf-job:*'],
      'allowed-service-accounts': ['default', 'runner-*'],
      workers: 4,
      'log-level': 'debug',
    })
    expect(configOf(namespaced)).toMatchObject({ namespaces: ['compliance', 'team-a'] })
  })

  describe('with a webhook for notifications', () => {
    const URL = 'https://hooks.example:8443/in'
    const rendered = async (set: string) => {
      const objects = await render('--set', `networkPolicy.apiServerPorts={6443},${set}`)
      const [container] = one(objects, 'Deployment')['spec'].template.spec.containers
      const env = (container.env as Raw[]).filter(({ name }) => String(name).startsWith('NOTIFY_'))
      const egress = one(objects, 'NetworkPolicy')['spec'].egress as { ports: Raw[] }[]
      return { objects, env, ports: egress.flatMap((rule) => rule.ports.map(({ port }) => port as number)) }
    }
    const fromSecret = (name: string, key: string) => ({
      name,
      valueFrom: { secretKeyRef: { name: 'rapidrmf-notify', key } },
    })

    it('passes its URL, and allows connections to it', async () => {
      const { env, ports } = await rendered(`notifications.url=${URL}`)
      const given = Object.fromEntries(env.map(({ name, value }) => [name, value as string]))
      expect(readConfig(['--image', 'x'], given)).toMatchObject({
        'notify-url': URL,
        'notify-allow-private-addresses': false,
      })
      expect(ports).toEqual([6443, 53, 53, 8443])
    })

    it('reads secret values from a Secret, and needs no permission for it', async () => {
      const set = 'notifications.existingSecret.name=rapidrmf-notify'
      const { objects, env, ports } = await rendered(set)
      expect(env).toEqual([
        fromSecret('NOTIFY_URL', 'url'),
        fromSecret('NOTIFY_SECRET', 'secret'),
        { name: 'NOTIFY_ALLOW_PRIVATE_ADDRESSES', value: 'false' },
      ])
      expect(ports).toEqual([6443, 53, 53, 443])
      expect(ofKind(objects, 'ClusterRole')).toEqual(ofKind(await render(), 'ClusterRole'))
      const unsigned = await rendered(`${set},notifications.existingSecret.secretKey=`)
      expect(unsigned.env.map(({ name }) => name as string)).not.toContain('NOTIFY_SECRET')
      const both = await rendered(`${set},notifications.url=${URL}`)
      expect(both.env.slice(0, 2)).toEqual([
        { name: 'NOTIFY_URL', value: URL },
        fromSecret('NOTIFY_SECRET', 'secret'),
      ])
    })

    it.each([
      ['notifications.url=http://hooks.svc/in,notifications.allowPrivateAddresses=true', 80],
      ['notifications.url=http://[fd00::1]:8080/in,notifications.allowPrivateAddresses=true', 8080],
      [`notifications.url=${URL},networkPolicy.notificationPorts={9443}`, 9443],
    ])('allows connections to the port of %s', async (set, port) => {
      expect((await rendered(set)).ports).toEqual([6443, 53, 53, port])
    })

    it('and without one has neither its variables nor its egress rule', async () => {
      const { env, ports } = await rendered('replicas=1')
      expect([env, ports]).toEqual([[], [6443]])
    })
  })

  it('needs no kind that a bare cluster does not have', async () => {
    const foreign = (await render()).filter(({ apiVersion }) =>
      /monitoring|grafana|cert-manager/.test(apiVersion),
    )
    expect(foreign).toEqual([])
  })

  it('has a disruption budget only for more than one replica', async () => {
    expect(ofKind(await render(), 'PodDisruptionBudget')).toEqual([])
    expect(ofKind(await render('--set', 'replicas=2'), 'PodDisruptionBudget')).toHaveLength(1)
  })

  it('is refused by a Kubernetes that is too old', async () => {
    await expect(render('--kube-version', 'v1.29.9')).rejects.toThrow(/kubeVersion: >=1.30.0-0/)
    await expect(render('--kube-version', 'v1.30.1-gke.100')).resolves.not.toEqual([])
  })
})

function idOf({ kind, metadata }: Manifest): string {
  return `${kind}/${metadata.namespace ?? ''}/${metadata.name}`
}
