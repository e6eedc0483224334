// The validation job inside another program. Run it after `npm run build`, or in a project that has the package of
// `npm run pack` installed, on a migrated database:
//   DATABASE_URL=postgresql://… node examples/embed.mjs
import { getRecentJobRuns, runValidationJob, withClient } from 'rapidrmf-scheduled-validation'

const { status, jobId, metrics, summary } = await runValidationJob({
  config: 'examples/config.yaml',
  environment: 'production',
  observer: (event) => {
    if (event.type === 'progress') process.stderr.write(`+ ${event.results} results\n`)
  },
})
console.log(`run ${jobId}: ${status}, ${summary.verdict}, ${metrics.results_saved} results`)

const runs = await withClient({ url: process.env.DATABASE_URL }, (client) =>
  getRecentJobRuns(client, { environment: 'production', limit: 5 }),
)
console.log(runs.map(({ id, verdict }) => `${id} ${verdict}`).join('\n'))
