// The objects that the demonstration creates in a cluster in addition to the chart.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const EXAMPLES = join(import.meta.dirname, '../examples')

/** A security context for Pod Security "restricted", the same as in the operator's Jobs. */
const CONTAINER_SECURITY = {
  allowPrivilegeEscalation: false,
  readOnlyRootFilesystem: true,
  capabilities: { drop: ['ALL'] },
}
const POD_SECURITY = { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } }

export function secret(url: string): object {
  return { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'rapidrmf-db' }, stringData: { url } }
}

/** A PostgreSQL without a volume: its data is lost with the pod. */
export function postgres(password: string): object[] {
  const labels = { app: 'postgres' }
  const container = {
    name: 'postgres',
    image: 'postgres:18',
    env: [{ name: 'POSTGRES_PASSWORD', value: password }],
    ports: [{ containerPort: 5432 }],
    readinessProbe: { exec: { command: ['pg_isready', '--username=postgres'] }, periodSeconds: 1 },
  }
  return [
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'postgres' },
      spec: {
        selector: { matchLabels: labels },
        template: { metadata: { labels }, spec: { containers: [container] } },
      },
    },
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'postgres' },
      spec: { selector: labels, ports: [{ port: 5432 }] },
    },
  ]
}

/** The target of the sample systems. */
export type SamplePlace = {
  readonly environment: string
  /** A file of `examples` that has this environment. */
  readonly config: string
  /** True if the database has controls already. They belong to all environments and are not changed. */
  readonly hasControls: boolean
}

/** A Job that creates the tables and imports NIST SP 800-53 rev5 and the sample systems, with a user's commands. */
export function sampleData(image: string, { environment, config, hasControls }: SamplePlace): object[] {
  const evidence = readdirSync(join(EXAMPLES, 'evidence'))
  const files = { 'inventory.yaml': 'inventory.yaml', 'config.yaml': config }
  const paths = { ...files, ...Object.fromEntries(evidence.map((name) => [name, `evidence/${name}`])) }
  const data = Object.fromEntries(
    Object.entries(paths).map(([key, path]) => [key, readFileSync(join(EXAMPLES, path), 'utf8')]),
  )
  const command = (name: string, ...args: readonly string[]): object => ({
    name,
    image,
    args,
    env: [{ name: 'DATABASE_URL', valueFrom: { secretKeyRef: { name: 'rapidrmf-db', key: 'url' } } }],
    volumeMounts: [{ name: 'data', mountPath: '/etc/rapidrmf' }],
    securityContext: CONTAINER_SECURITY,
  })
  return [
    { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'sample-data' }, data },
    {
      apiVersion: 'batch/v1',
      kind: 'Job',
      metadata: { name: 'sample-data' },
      spec: {
        backoffLimit: 3,
        template: {
          spec: {
            restartPolicy: 'Never',
            automountServiceAccountToken: false,
            securityContext: POD_SECURITY,
            initContainers: [
              command('migrate', 'db', 'migrate'),
              ...(hasControls
                ? []
                : [command('catalog', 'catalog', 'import', '--builtin', 'nist-800-53-rev5')]),
            ],
            containers: [command('inventory', 'inventory', 'apply', 'inventory.yaml', '--env', environment)],
            volumes: [
              {
                name: 'data',
                configMap: {
                  name: 'sample-data',
                  items: Object.entries(paths).map(([key, path]) => ({ key, path })),
                },
              },
            ],
          },
        },
      },
    },
  ]
}

/** The values of the chart: a schedule that fires each minute. */
export function chartValues({ environment }: SamplePlace): object {
  return {
    config: {
      create: true,
      data: `environments:\n  ${environment}:\n    database_url: \${DATABASE_URL}\n`,
    },
    database: { existingSecret: 'rapidrmf-db', migrate: false },
    sample: {
      create: true,
      name: 'every-minute',
      spec: { environment, schedule: '* * * * *', successfulJobsHistoryLimit: 2 },
    },
  }
}
