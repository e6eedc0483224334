import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { parse, stringify } from 'yaml'
import packageJson from '../../package.json' with { type: 'json' }
import { readConfig } from '../../operator/config.ts'
import { CHART, describeWithHelm, helm, ofKind, one, render, valuesFile } from './chart.ts'
import type { Manifest } from './chart.ts'

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
      // Whole files of the chart, compared below.
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

  it('has the CRD that is generated, kept when the release goes', async () => {
    const { metadata, ...crd } = one(await render(), 'CustomResourceDefinition')
    const { metadata: generated, ...wanted } = parse(readFileSync(GENERATED, 'utf8')) as Manifest
    expect(crd).toEqual(wanted)
    expect(metadata).toEqual({ ...generated, annotations: { 'helm.sh/resource-policy': 'keep' } })
  })

  it('has alerts and dashboard as their files are', async () => {
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

  it('hands limits and namespaces over as they are', async () => {
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

  it('needs no kind that a bare cluster does not have', async () => {
    const foreign = (await render()).filter(({ apiVersion }) =>
      /monitoring|grafana|cert-manager/.test(apiVersion),
    )
    expect(foreign).toEqual([])
  })

  it('asks for a disruption budget for more than one replica only', async () => {
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
