import { expect, it } from 'vitest'
import { cronJob } from '../../../../../operator/plan/cron-job/cron-job.ts'
import { runNowJob } from '../../../../../operator/plan/cron-job/requested-job.ts'
import { DEFAULTS, schedule } from '../../fixtures.ts'

const json = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`

const full = schedule(
  {
    environment: 'pay$(USER)roll',
    schedule: '30 6 * * 1-5',
    timeZone: 'Europe/Berlin',
    suspend: true,
    concurrencyPolicy: 'Replace',
    startingDeadlineSeconds: 60,
    successfulJobsHistoryLimit: 1,
    failedJobsHistoryLimit: 10,
    config: { secretKeyRef: { name: 'conf', key: 'c.yml' } },
    database: { urlSecretKeyRef: { name: 'rapidrmf-db', key: 'url' } },
    job: {
      labels: { 'kueue.x-k8s.io/queue-name': 'compliance' },
      annotations: { team: 'a' },
      activeDeadlineSeconds: 600,
      backoffLimit: 0,
      pod: {
        image: 'registry.example/own:1',
        imagePullPolicy: 'Never',
        imagePullSecrets: [{ name: 'pull' }],
        serviceAccountName: 'runner',
        labels: { app: 'x' },
        annotations: { note: 'y' },
        env: [
          { name: 'HTTPS_PROXY', value: 'http://proxy:3128' },
          { name: 'DATABASE_URL', value: 'gives way' },
        ],
        envFrom: [{ secretRef: { name: 'more', optional: true } }],
        volumes: [{ name: 'ca', configMap: { name: 'ca' } }],
        volumeMounts: [{ name: 'ca', mountPath: '/ca' }],
        resources: { requests: { cpu: '100m' }, limits: { memory: '512Mi' } },
        nodeSelector: { disk: 'ssd' },
        tolerations: [{ key: 'spot', operator: 'Exists' }],
        priorityClassName: 'low',
        runtimeClassName: 'gvisor',
        securityContext: { runAsUser: 1000 },
      },
    },
  },
  { name: 'weekdays.payroll', runRequest: '2026-11-24T03:00:00Z\u001B[31m' },
)

it('makes the CronJob of a minimal schedule', async () => {
  await expect(json(cronJob(schedule(), DEFAULTS))).toMatchFileSnapshot('../../golden/cron-job-minimal.json')
})

it('makes the CronJob of a schedule that says everything', async () => {
  await expect(json(cronJob(full, DEFAULTS))).toMatchFileSnapshot('../../golden/cron-job-full.json')
})

it('makes an Indexed Job of several workers, and tells them what the schedule asks for', async () => {
  const asked = schedule({
    selection: {
      systems: { include: ['pay*', '$(HOME)'], matchLabels: { tier: '1' } },
      controls: { families: ['AU'], baseline: 'moderate' },
    },
    incremental: true,
    fullEvery: '24h',
    job: { parallelism: 4, backoffLimit: 3 },
  })
  await expect(json(cronJob(asked, DEFAULTS))).toMatchFileSnapshot('../../golden/cron-job-workers.json')
})

it('leaves what the operator sets to the operator', () => {
  const env = ['SELECTION', 'INCREMENTAL', 'FULL_EVERY', 'RUN_KEY'].map((name) => ({ name, value: 'theirs' }))
  expect(json(cronJob(schedule({ job: { pod: { env } } }), DEFAULTS))).not.toContain('theirs')
})

it('makes the Job of a run request', async () => {
  await expect(json(runNowJob(full, DEFAULTS))).toMatchFileSnapshot('../../golden/run-now-job.json')
})

it('leaves NODE_OPTIONS to a schedule that sets them', () => {
  const pod = { resources: { limits: { memory: '1Gi' } }, env: [{ name: 'NODE_OPTIONS', value: '--x' }] }
  const text = json(cronJob(schedule({ job: { pod } }), DEFAULTS))
  expect(text.match(/NODE_OPTIONS/g)).toHaveLength(1)
  expect(text).toContain('"--x"')
})
