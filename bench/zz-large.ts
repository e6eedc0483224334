import { mkdtempSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { connect } from '../job-image/db/client.ts'
import { startLocalPostgres } from '../scripts/local-postgres.ts'
import { addSystems, createTables } from './database.ts'
import { buildProgram, runProgram } from './process.ts'
const N = Number(process.argv[2])
const directory = mkdtempSync('/tmp/large-')
const program = buildProgram(join(directory, 'dist'))
const server = await startLocalPostgres({ directory, settings: { fsync: 'off', max_wal_size: '4GB' } })
try {
  const client = await connect({ url: server.url })
  await createTables(client)
  await addSystems(client, 'production', N)
  const config = join(directory, 'config.yaml')
  writeFileSync(config, 'environments: {production: }\n')
  for (const flags of [['--full'], ['--incremental'], ['--incremental']]) {
    const u = await runProgram(program, ['scheduler', 'once', '--json', '--config', config, ...flags], { DATABASE_URL: server.url })
    const s = JSON.parse(u.stdout)
    console.log(flags.join(), N, 'systems', s.counts.results, 'results', 'carried', s.carried, Math.round(u.wall / 100) / 10, 's', Math.round(u.cpu / 100) / 10, 'CPU-s', Math.round(u.peakRss / 1e6), 'MB')
  }
} finally { await server.remove() }
