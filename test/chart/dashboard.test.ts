import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { CHART } from './chart.ts'
import { WORLDS } from './worlds.ts'

type Dashboard = {
  readonly panels: readonly {
    readonly title: string
    readonly targets: readonly { readonly expr: string; readonly legendFormat: string }[]
  }[]
  readonly templating: { readonly list: readonly { readonly query: string }[] }
}

const file = (name: string): string => readFileSync(join(CHART, 'files', name), 'utf8')
const dashboard = JSON.parse(file('dashboard.json')) as Dashboard
const alerts = parse(file('alerts.yaml')) as {
  groups: { rules: { alert: string; expr: string }[] }[]
}

const PANELS = dashboard.panels.flatMap(({ title, targets }) =>
  targets.map(({ expr, legendFormat }) => ({ title, expr, legendFormat })),
)
const EXPRESSIONS = [
  ...PANELS,
  ...alerts.groups.flatMap(({ rules }) => rules.map(({ alert, expr }) => ({ title: alert, expr }))),
]

describe('each expression of dashboard and alerts', () => {
  /** The labels of each metric's series. */
  const labelsOf = new Map<string, Set<string>>()

  beforeAll(async () => {
    for (const { metric, labels } of await WORLDS.well()) labelsOf.set(metric, new Set(Object.keys(labels)))
  })

  it.each(EXPRESSIONS)('uses exposed metrics: $title: $expr', ({ expr }) => {
    const metrics = metricsIn(expr)
    expect(metrics.length).toBeGreaterThan(0)
    for (const { metric, selectors } of metrics) {
      expect([...labelsOf.keys()]).toContain(metric)
      for (const label of selectors) expect([...(labelsOf.get(metric) ?? [])]).toContain(label)
    }
    const known = new Set(metrics.flatMap(({ metric }) => [...(labelsOf.get(metric) ?? [])]))
    for (const label of groupingsIn(expr)) expect([...known]).toContain(label)
  })

  it.each(PANELS.filter(({ legendFormat }) => legendFormat.includes('{{')))(
    'has the labels of its legend: $title: $legendFormat',
    ({ expr, legendFormat }) => {
      const kept = new Set(groupingsIn(expr))
      for (const [, label = ''] of legendFormat.matchAll(/\{\{(\w+)\}\}/g)) expect([...kept]).toContain(label)
    },
  )

  it('finds the namespaces for its variable', () => {
    const queries = dashboard.templating.list.map(({ query }) => query)
    const [, metric = '', label = ''] = /label_values\((\w+), (\w+)\)/.exec(queries.join(' ')) ?? []
    expect([...(labelsOf.get(metric) ?? [])]).toContain(label)
  })
})

/** Returns each metric with the labels in its selector. */
function metricsIn(expr: string): { metric: string; selectors: string[] }[] {
  return [...expr.matchAll(/\b((?:rapidrmf|process|nodejs)_\w+)(?:\{([^}]*)\})?/g)].map(
    ([, metric = '', selector = '']) => ({
      metric,
      selectors: [...selector.matchAll(/(\w+)\s*[=!]~?/g)].map(([, label = '']) => label),
    }),
  )
}

/** Returns the labels in `by (…)` and `on (…)`. */
function groupingsIn(expr: string): string[] {
  return [...expr.matchAll(/\b(?:by|on) \(([^)]*)\)/g)].flatMap(([, labels = '']) => labels.split(/,\s*/))
}
