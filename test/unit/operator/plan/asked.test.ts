import { expect, it } from 'vitest'
import { parseDuration } from '../../../../common/duration.ts'
import type { ValidationScheduleSpecInput } from '../../../../crds/validation-schedule.ts'
import { parseConfig } from '../../../../job-image/config/config.ts'
import { incrementalFor } from '../../../../job-image/config/incremental.ts'
import { selectionFor } from '../../../../job-image/run/selection-sources.ts'
import { podTemplate } from '../../../../operator/plan/cron-job/pod.ts'
import { LARGEST } from '../../../cluster/suite/api-cases.ts'
import { DEFAULTS, schedule } from '../fixtures.ts'
import type { Raw } from '../fixtures.ts'

const config = parseConfig(
  'environments: { production: }\nincremental: false\nfull_every: 7d\nselection: { controls: { families: [AC] } }',
  'config.yaml',
  {},
)

/** What a job makes of the variables that the pods of this schedule have. */
function understood(spec: Partial<ValidationScheduleSpecInput>) {
  const [{ env }] = (podTemplate(schedule(spec), DEFAULTS) as Raw).spec.containers
  const variables = (env as { name: string; value?: string }[]).map(
    // As Kubernetes does: `$$` is a plain `$`.
    ({ name, value = '' }) => [name, value.replaceAll('$$', '$')] as const,
  )
  const io = { env: Object.fromEntries(variables) }
  return {
    selection: selectionFor(config, config.environments.get('production')!, undefined, io),
    incremental: incrementalFor(config, {}, io),
  }
}

it('what a schedule asks for is what the job understands, and above what its configuration says', () => {
  expect(understood({ selection: LARGEST.selection, incremental: true, fullEvery: '90m' })).toMatchObject({
    selection: {
      systems: { include: ['Ledger, EU (1)', 'pay*'], matchLabels: { tier: '1', 'any key': '' } },
      controls: { baseline: 'moderate', families: ['SC'] },
      allowEmpty: true,
    },
    incremental: { fullEvery: { months: 0, seconds: 5400 } },
  })
  const include = ['$(HOME)', '$$', '"\\\n']
  expect(understood({ selection: { systems: { include } } }).selection).toEqual({
    systems: { include: include.toSorted() },
    controls: { families: ['AC'] },
  })
})

it('what a schedule does not say is left to the configuration', () => {
  expect(understood({})).toEqual({ selection: { controls: { families: ['AC'] } }, incremental: undefined })
})

it.each(['1h', '60m', '168h', '8784h', '527040m', '1w', '1h30m', '12mo', '1y', 'P1Y', 'PT1H'])(
  'a full run every %s can be asked for',
  (fullEvery) => {
    expect(understood({ incremental: true, fullEvery }).incremental?.fullEvery).toEqual(
      parseDuration(fullEvery),
    )
  },
)
