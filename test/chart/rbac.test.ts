import { expect, it } from 'vitest'
import { describeWithHelm, ofKind, one, render, valuesFile } from './chart.ts'
import type { Manifest, Raw } from './chart.ts'

type Rule = Record<'apiGroups' | 'resources' | 'verbs', string[]>

const rulesOf = (objects: readonly Manifest[]): Rule[] =>
  [...ofKind(objects, 'ClusterRole'), ...ofKind(objects, 'Role')].flatMap(({ rules }) => rules as Rule[])

describeWithHelm("the chart's roles", () => {
  it.each(['default', 'namespaced', 'everything'])(
    'contain no wildcard and no Secret: %s',
    async (values) => {
      const rules = rulesOf(await render('--values', valuesFile(values)))
      expect(rules.length).toBeGreaterThan(5)
      const terms = rules.flatMap(({ apiGroups, resources, verbs }) => [...apiGroups, ...resources, ...verbs])
      expect(terms.filter((term) => term.includes('*'))).toEqual([])
      expect(terms.filter((term) => /secret|impersonate|escalate|bind|exec|token/i.test(term))).toEqual([])
    },
  )

  it('let the operator change only the status of schedules', async () => {
    const { rules } = one(await render(), 'ClusterRole', 'rapidrmf-operator')
    const written = (rules as Rule[])
      .filter(({ apiGroups }) => apiGroups.includes('rapidrmf.io'))
      .flatMap(({ resources, verbs }) => resources.map((resource) => `${resource}: ${verbs.join(' ')}`))
    expect(written).toEqual(['validationschedules: get list watch', 'validationschedules/status: update'])
  })

  it('let the operator delete CronJobs only if the API server requires it', async () => {
    const verbs = async (...args: string[]): Promise<string[]> => {
      const { rules } = one(await render(...args), 'ClusterRole', 'rapidrmf-operator')
      return (rules as Rule[]).find(({ resources }) => resources.includes('cronjobs'))?.verbs ?? []
    }
    const usual = ['get', 'list', 'watch', 'create', 'update', 'patch']
    expect(await verbs()).toEqual(usual)
    const value = 'rbac.ownerReferencesPermissionEnforcement=true'
    expect(await verbs('--set', value)).toEqual([...usual, 'delete'])
  })

  it('are the same for each namespace as for all namespaces', async () => {
    const everywhere = one(await render(), 'ClusterRole', 'rapidrmf-operator')
    const some = await render('--values', valuesFile('namespaced'))
    expect(ofKind(some, 'ClusterRole')).toEqual([])
    expect(ofKind(some, 'ClusterRoleBinding')).toEqual([])
    for (const namespace of ['compliance', 'team-a']) {
      const role = one(
        some.filter(({ metadata }) => metadata.namespace === namespace),
        'Role',
        'rapidrmf-operator',
      )
      expect(role['rules']).toEqual(everywhere['rules'])
    }
  })

  it('are bound only to the account of the operator', async () => {
    for (const values of ['default', 'namespaced', 'everything']) {
      const objects = await render('--values', valuesFile(values))
      const account = one(objects, 'Deployment')['spec'].template.spec.serviceAccountName as string
      const bindings = [...ofKind(objects, 'ClusterRoleBinding'), ...ofKind(objects, 'RoleBinding')]
      for (const { subjects, roleRef, metadata } of bindings) {
        expect(subjects).toEqual([{ kind: 'ServiceAccount', name: account, namespace: 'compliance' }])
        expect(roleRef).toMatchObject({ name: metadata.name })
      }
    }
  })

  it('grant people access to schedules through view, edit and admin', async () => {
    const objects = await render()
    const targets = (name: string): string[] =>
      Object.keys(one(objects, 'ClusterRole', name).metadata.labels ?? {})
        .filter((label) => label.includes('aggregate-to'))
        .map((label) => label.replace('rbac.authorization.k8s.io/aggregate-to-', ''))
    expect(targets('rapidrmf-schedules-edit')).toEqual(['edit', 'admin'])
    expect(targets('rapidrmf-schedules-view')).toEqual(['view', 'edit', 'admin'])
    const verbs = one(objects, 'ClusterRole', 'rapidrmf-schedules-view')['rules'].flatMap(
      (rule: Raw) => rule.verbs as string[],
    )
    expect(verbs).toEqual(['get', 'list', 'watch'])
  })
})
