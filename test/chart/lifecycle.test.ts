import { execFile } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { pino } from 'pino'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { CRD_NAME } from '../../crds/validation-schedule.ts'
import { systemClock } from '../../common/clock.ts'
import { readConfig } from '../../operator/config.ts'
import { loadConfig } from '../../operator/kube/connection.ts'
import { runOperator } from '../../operator/operator.ts'
import { findBinaries } from '../../scripts/control-plane/binaries.ts'
import { connect, hasCode } from '../../scripts/control-plane/client.ts'
import type { Client } from '../../scripts/control-plane/client.ts'
import { startCluster } from '../../scripts/control-plane/cluster.ts'
import type { Cluster } from '../../scripts/control-plane/cluster.ts'
import { describeWithCluster } from '../cluster/namespace.ts'
import { playKubelet } from '../cluster/play-kubelet.ts'
import { until } from '../../scripts/control-plane/until.ts'
import { CHART, RELEASE, describeWithHelm, helm, render, valuesFile } from './chart.ts'
import type { Manifest, Raw } from './chart.ts'

const run = promisify(execFile)

const SAMPLE = ['--set', 'config.create=true,sample.create=true']
const MIGRATED = [...SAMPLE, '--set', 'database.existingSecret=rapidrmf-db']

describeWithHelm('the chart', () => {
  // This file has its own cluster, because the chart has cluster-wide objects.
  describeWithCluster('on a bare cluster', () => {
    const folder = mkdtempSync(join(tmpdir(), 'rapidrmf-chart-'))
    const kubeconfig = join(folder, 'kubeconfig')
    let cluster: Cluster
    let admin: Client
    let namespace: string

    beforeAll(async () => {
      cluster = await startCluster()
      admin = connect(cluster.kubeconfig())
      writeFileSync(kubeconfig, cluster.kubeconfig(), { mode: 0o600 })
      namespace = await cluster.createNamespace('release', {
        'pod-security.kubernetes.io/enforce': 'restricted',
      })
    })
    afterAll(async () => {
      await cluster.stop()
      rmSync(folder, { recursive: true, force: true })
    })

    const onCluster = (...args: string[]): Promise<string> =>
      helm([...args, '--namespace', namespace, '--kubeconfig', kubeconfig])

    const ofSchedules = { group: 'rapidrmf.io', version: 'v1alpha1', plural: 'validationschedules' }
    const read = (name: string): Promise<Manifest> =>
      until(`the schedule ${name}`, () =>
        admin.custom
          .getNamespacedCustomObject({ ...ofSchedules, namespace, name })
          .then((found) => found as Manifest)
          .catch((error: unknown) => {
            // A changed CRD is not served for a moment.
            if (!hasCode(error, 429)) throw error
            return undefined
          }),
      )

    const edit = async (name: string, spec: object): Promise<void> => {
      const found = await read(name)
      const body = { ...found, spec: { ...(found['spec'] as object), ...spec } }
      await admin.custom.replaceNamespacedCustomObject({ ...ofSchedules, namespace, name, body })
    }

    const columns = async (): Promise<string[]> => {
      const { spec } = await admin.extensions.readCustomResourceDefinition({ name: CRD_NAME })
      return spec.versions[0]?.additionalPrinterColumns?.map(({ name }) => name) ?? []
    }

    it('contains only objects that the API server accepts', async () => {
      // Omits kinds that this cluster does not have: those of Prometheus and, before the release, of the chart's CRD.
      const without =
        'metrics.serviceMonitor.enabled=false,metrics.prometheusRule.enabled=false,sample.create=false'
      const values = ['--values', valuesFile('everything'), '--set', without]
      const objects = await helm(['template', RELEASE, CHART, '--namespace', namespace, ...values])
      const binaries = await findBinaries(['kubectl'])
      if ('missing' in binaries) throw new Error(binaries.missing)
      const flags = ['--server-side', '--dry-run=server', '--validate=strict', '--kubeconfig', kubeconfig]
      const applied = run(join(binaries.directory, 'kubectl'), ['apply', ...flags, '-f', '-'])
      applied.child.stdin?.end(objects)
      const { stdout } = await applied
      const lines = stdout.trim().split('\n')
      expect(lines).toContain('deployment.apps/rapidrmf-operator serverside-applied (server dry run)')
      expect(lines.length).toBeGreaterThan(15)
      expect((await admin.core.listNamespacedServiceAccount({ namespace })).items).toHaveLength(1)
    })

    it('can be installed with an older CRD present, and creates the sample', async () => {
      const older = join(folder, 'older')
      cpSync(CHART, older, { recursive: true })
      const file = join(older, 'files/crd.yaml')
      const crd = readFileSync(file, 'utf8')
      writeFileSync(file, crd.replace('- name: Verdict', '- name: Old-Verdict'))
      const notes = await onCluster('install', RELEASE, older, ...SAMPLE)
      expect(notes).toContain(`kubectl -n ${namespace} annotate vsched nightly rapidrmf.io/run-requested-at=`)
      expect(await columns()).toContain('Old-Verdict')
      expect(await read('nightly')).toMatchObject({
        spec: {
          environment: 'production',
          schedule: '0 2 * * *',
          config: { configMapKeyRef: { name: 'rapidrmf', key: 'config.yaml' } },
        },
      })
    })

    it('creates a pod for the operator that Pod Security "restricted" admits', async () => {
      const pod = await until('the pod of the operator', async () => {
        const selector = 'app.kubernetes.io/component=operator'
        return (await admin.core.listNamespacedPod({ namespace, labelSelector: selector })).items[0]
      })
      expect(pod.spec?.containers[0]?.image).toBe('rapidrmf-operator:0.1.0')
    })

    describe('when it is upgraded', () => {
      let before: Manifest | undefined

      beforeAll(async () => {
        await edit('nightly', { suspend: true, schedule: '30 3 * * *' })
        before = await read('nightly')
        await onCluster('upgrade', RELEASE, CHART, ...SAMPLE, '--set', 'replicas=2')
      })

      it('upgrades the CRD', async () => {
        expect(await columns()).toContain('Verdict')
        expect(await columns()).not.toContain('Old-Verdict')
      })

      it('does not change the schedules, the sample included', async () => {
        expect(before).toMatchObject({ spec: { suspend: true } })
        expect(await read('nightly')).toEqual(before)
      })

      it('recreates the sample only after its deletion', async () => {
        await admin.custom.deleteNamespacedCustomObject({ ...ofSchedules, namespace, name: 'nightly' })
        await onCluster('upgrade', RELEASE, CHART, ...SAMPLE)
        expect(await read('nightly')).toMatchObject({ spec: { suspend: false } })
      })
    })

    it('migrates the database before the upgrade of the operator, and fails the upgrade if that fails', async () => {
      await admin.core.createNamespacedSecret({
        namespace,
        body: { metadata: { name: 'rapidrmf-db' }, stringData: { url: 'postgresql://stranger@db/x' } },
      })
      const kubelet = playKubelet(admin, namespace)
      const upgrade = (workers: number): Promise<string> =>
        onCluster('upgrade', RELEASE, CHART, ...MIGRATED, '--set', `operator.workers=${workers}`)
      const deployment = async (): Promise<string> => {
        const metadata = { name: 'rapidrmf-operator', namespace }
        return JSON.stringify(
          await admin.objects.read({ apiVersion: 'apps/v1', kind: 'Deployment', metadata }),
        )
      }
      const job = `${RELEASE}-migrate`

      const going = upgrade(3)
      const pod = await kubelet.podOf(job)
      expect(pod.spec?.containers[0]).toMatchObject({ args: ['db', 'migrate'] })
      expect(await deployment()).not.toContain('--workers=3')
      await kubelet.ended(pod, { exitCode: 0 })
      await going
      expect(await deployment()).toContain('--workers=3')

      await until('the pod of the migration to be gone', async () => {
        const labelSelector = 'app.kubernetes.io/component=migration'
        const { items } = await admin.core.listNamespacedPod({ namespace, labelSelector })
        return items.length === 0 ? true : undefined
      })
      const failing = upgrade(4).catch(String)
      await kubelet.podOf(job)
      const body = [{ op: 'replace', path: '/spec/backoffLimit', value: 0 }]
      await admin.batch.patchNamespacedJob({ namespace, name: job, body })
      await kubelet.finish(job, { exitCode: 1 })
      expect(await failing).toMatch(/pre-upgrade hooks failed/)
      expect(await deployment()).not.toContain('--workers=4')
    })

    it('keeps only CRD, schedules and configuration when it is uninstalled', async () => {
      const before = await read('nightly')
      await onCluster('uninstall', RELEASE)
      expect(await read('nightly')).toEqual(before)
      expect(await columns()).toContain('Verdict')
      const { data } = await admin.core.readNamespacedConfigMap({ namespace, name: 'rapidrmf' })
      expect(data?.['config.yaml']).toContain('environments')
      const left = await Promise.all(
        (await render(...SAMPLE)).map(async ({ apiVersion, kind, metadata: { name } }) =>
          admin.objects.read({ apiVersion, kind, metadata: { name, namespace } }).then(
            () => [`${kind} ${name}`],
            (error: unknown) => {
              if (!hasCode(error, 404)) throw error
              return []
            },
          ),
        ),
      )
      expect(left.flat().sort()).toEqual([
        'ConfigMap rapidrmf',
        `CustomResourceDefinition ${CRD_NAME}`,
        'ValidationSchedule nightly',
      ])
    })

    it('adopts the remaining objects when it is installed again', async () => {
      const before = await read('nightly')
      await onCluster('install', RELEASE, CHART, ...SAMPLE)
      expect(await read('nightly')).toEqual(before)
    })

    describe('grants the operator the permissions that it needs', () => {
      /** Starts the operator with the flags and the account of the installed Deployment. */
      const startInstalled = async (): Promise<() => Promise<void>> => {
        const metadata = { name: 'rapidrmf-operator', namespace }
        const found: Raw = await admin.objects.read({ apiVersion: 'apps/v1', kind: 'Deployment', metadata })
        const { serviceAccountName, containers } = found.spec.template.spec
        const file = join(folder, 'account.kubeconfig')
        writeFileSync(file, await cluster.serviceAccountKubeconfig(namespace, serviceAccountName as string))
        const local = ['--host', '127.0.0.1', '--port', '0']
        const config = readConfig([...containers[0].args, ...local] as string[], { POD_NAMESPACE: namespace })
        if (config === 'help') throw new Error('help is not an operator')
        const stop = new AbortController()
        const running = runOperator({
          config,
          kube: loadConfig({ kubeconfig: file }),
          identity: 'installed',
          clock: systemClock,
          log: pino({ level: 'silent' }),
          signal: stop.signal,
        })
        return async () => {
          stop.abort()
          await running
        }
      }

      const create = async (where: string, name: string): Promise<void> => {
        const { spec } = await read('nightly')
        const body = {
          apiVersion: 'rapidrmf.io/v1alpha1',
          kind: 'ValidationSchedule',
          metadata: { name },
          spec,
        }
        await admin.custom.createNamespacedCustomObject({ ...ofSchedules, namespace: where, body })
      }
      const untilReady = (where: string, name: string): Promise<unknown> =>
        until(`${where}/${name} to be ready`, async () => {
          const found: Raw = await admin.custom.getNamespacedCustomObject({
            ...ofSchedules,
            namespace: where,
            name,
          })
          const ready = found.status?.conditions?.find(({ type }: Raw) => type === 'Ready')
          return ready?.status === 'True' ? true : undefined
        })

      it('in every namespace', async () => {
        const elsewhere = await cluster.createNamespace('elsewhere')
        await create(elsewhere, 'theirs')
        const stop = await startInstalled()
        await untilReady(namespace, 'nightly')
        await untilReady(elsewhere, 'theirs')
        await stop()
      })

      it('only in some namespaces', async () => {
        const mine = await cluster.createNamespace('mine')
        const other = await cluster.createNamespace('other')
        await onCluster('upgrade', RELEASE, CHART, '--set', `namespaces={${mine}}`)
        await create(mine, 'first')
        await create(other, 'ignored')
        const stop = await startInstalled()
        await untilReady(mine, 'first')
        await stop()
        const account = connect(await cluster.serviceAccountKubeconfig(namespace, 'rapidrmf-operator'))
        await expect(account.batch.listNamespacedCronJob({ namespace: mine })).resolves.toBeDefined()
        for (const closed of [other, namespace]) {
          await expect(account.batch.listNamespacedCronJob({ namespace: closed })).rejects.toMatchObject({
            code: 403,
          })
        }
      })
    })
  })
})
