import { beforeAll, expect, it } from 'vitest'
import type { KubeClient } from '../../operator/kube/client.ts'
import { errorMessage } from '../../operator/kube/errors.ts'
import { RESOURCES } from '../../operator/kube/object.ts'
import { kubeconfig } from '../../scripts/control-plane/access.ts'
import { installCrd } from '../../scripts/control-plane/crd.ts'
import { kubeClient } from '../cluster/kube-client.ts'
import { describeWithCluster, useNamespace } from '../cluster/namespace.ts'
import { schedulesIn } from '../cluster/schedules.ts'
import type { Schedules } from '../cluster/schedules.ts'
import { until } from '../../scripts/control-plane/until.ts'
import { describeWithHelm, ofKind, render } from './chart.ts'

const SPEC = {
  environment: 'production',
  schedule: '0 2 * * *',
  config: { configMapKeyRef: { name: 'rapidrmf', key: 'config.yaml' } },
}

describeWithHelm("the chart's admission policy", () => {
  describeWithCluster('on a real API server', () => {
    const here = useNamespace('admission')
    let byAdmin: Schedules

    beforeAll(async () => {
      await installCrd(here.admin)
      byAdmin = schedulesIn(here)
      const policies = ['ValidatingAdmissionPolicy', 'ValidatingAdmissionPolicyBinding', 'ClusterRole']
      const objects = await render()
      for (const object of policies.flatMap((kind) => ofKind(objects, kind)))
        await here.admin.objects.create(object)
      await grant('only-schedules', [
        rule('validationschedules', ['create', 'get', 'update', 'patch', 'delete']),
      ])
      await grant('only-status', [rule('validationschedules/status', ['update'])])
      await bind('editor', 'edit')
      await bind('viewer', 'view')
      await untilEnforced()
    })

    const rule = (resource: string, verbs: readonly string[]) => ({
      apiGroups: ['rapidrmf.io'],
      resources: [resource],
      verbs: [...verbs],
    })

    const subjects = (name: string) => [{ kind: 'User', name, apiGroup: 'rbac.authorization.k8s.io' }]

    async function grant(user: string, rules: ReturnType<typeof rule>[]): Promise<void> {
      const { admin, name: namespace } = here
      await admin.rbac.createNamespacedRole({ namespace, body: { metadata: { name: user }, rules } })
      const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: user }
      const body = { metadata: { name: user }, roleRef, subjects: subjects(user) }
      await admin.rbac.createNamespacedRoleBinding({ namespace, body })
    }

    async function bind(user: string, role: string): Promise<void> {
      const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: role }
      const body = { metadata: { name: user }, roleRef, subjects: subjects(user) }
      await here.admin.rbac.createNamespacedRoleBinding({ namespace: here.name, body })
    }

    const as = (name: string): KubeClient => kubeClient(kubeconfig(here.cluster, { name }))

    const create = (client: KubeClient, name: string): Promise<unknown> =>
      client.create(RESOURCES.schedules, {
        apiVersion: 'rapidrmf.io/v1alpha1',
        kind: 'ValidationSchedule',
        metadata: { name, namespace: here.name },
        spec: SPEC,
      })

    const current = async (name: string) => {
      const { metadata, ...rest } = await byAdmin.read(name)
      const { resourceVersion = '' } = metadata
      return { ...rest, metadata: { ...metadata, resourceVersion } }
    }

    const replaceSpec = async (client: KubeClient, name: string, change: object): Promise<unknown> => {
      const found = await current(name)
      return client.replace(RESOURCES.schedules, { ...found, spec: { ...found.spec, ...change } })
    }

    const annotate = async (client: KubeClient, name: string, annotations: Record<string, string>) => {
      const found = await current(name)
      return client.replace(RESOURCES.schedules, { ...found, metadata: { ...found.metadata, annotations } })
    }

    /** Waits until the API server applies the new policy and the aggregated role. */
    async function untilEnforced(): Promise<void> {
      const client = as('only-schedules')
      let tries = 0
      await until('the policy to be enforced', () =>
        create(client, `probe-${(tries += 1)}`).then(
          () => undefined,
          (error: unknown) => (errorMessage(error).includes('ValidatingAdmissionPolicy') ? true : undefined),
        ),
      )
      const editor = as('editor')
      await until('the role edit to have its new rights', () =>
        create(editor, `edit-${(tries += 1)}`).then(
          () => true,
          () => undefined,
        ),
      )
    }

    it('refuses users who may write schedules but no CronJobs, and names the missing permission', async () => {
      const refused = await create(as('only-schedules'), 'refused').catch((error: unknown) => error)
      expect(refused).toMatchObject({ status: 403, reason: 'Forbidden' })
      expect(errorMessage(refused)).toContain(
        `only-schedules may write ValidationSchedules in the namespace ${here.name}, but not create CronJobs there`,
      )
      expect(errorMessage(refused)).toContain('the role edit')
    })

    it('refuses a changed spec and a run request of such users', async () => {
      await byAdmin.create('changed')
      const client = as('only-schedules')
      await expect(replaceSpec(client, 'changed', { environment: 'other' })).rejects.toThrow(
        /not create CronJobs/,
      )
      const request = annotate(client, 'changed', { 'rapidrmf.io/run-requested-at': 'now' })
      await expect(request).rejects.toThrow(/not create CronJobs/)
    })

    it('accepts schedules, changes and run requests of an editor', async () => {
      const client = as('editor')
      await create(client, 'by-editor')
      await replaceSpec(client, 'by-editor', { suspend: true })
      await annotate(client, 'by-editor', { 'rapidrmf.io/run-requested-at': 'now' })
      expect((await byAdmin.read('by-editor')).spec).toMatchObject({ suspend: true })
    })

    it('lets a viewer only read schedules', async () => {
      const client = as('viewer')
      const { items } = await client.list(RESOURCES.schedules, { namespace: here.name })
      expect(items.length).toBeGreaterThan(0)
      await expect(create(client, 'by-viewer')).rejects.toThrow(
        /cannot create resource "validationschedules"/,
      )
    })

    it('ignores the status, which starts nothing', async () => {
      await byAdmin.create('with-status')
      const found = await current('with-status')
      const status = { cronJobName: 'some' }
      await as('only-status').replaceStatus(RESOURCES.schedules, { ...found, status })
      expect((await byAdmin.read('with-status')).status).toMatchObject(status)
    })

    it('allows changes of metadata alone, which controllers need', async () => {
      await byAdmin.create('labelled')
      await annotate(as('only-schedules'), 'labelled', { note: 'x' })
      expect((await byAdmin.read('labelled')).metadata.annotations).toMatchObject({ note: 'x' })
    })

    it('allows a deletion that garbage collection has to finish', async () => {
      const { metadata } = await byAdmin.create('deleted')
      const owner = { apiVersion: 'rapidrmf.io/v1alpha1', kind: 'ValidationSchedule', name: 'deleted' }
      await here.admin.core.createNamespacedConfigMap({
        namespace: here.name,
        body: {
          metadata: {
            name: 'child',
            ownerReferences: [{ ...owner, uid: metadata.uid ?? '', blockOwnerDeletion: true }],
          },
        },
      })
      await byAdmin.remove('deleted', 'Foreground')
      await until('the schedule to be gone', async () =>
        (await byAdmin.find(RESOURCES.schedules, 'deleted')) === undefined ? true : undefined,
      )
    })
  })
})
