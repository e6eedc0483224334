// `npm run test:cluster`: runs the cluster suite; with `--long` the full campaigns. Other arguments go to the test runner.
import { spawn } from 'node:child_process'

const given = process.argv.slice(2)
const long = given.includes('--long')
const rest = given.filter((argument) => argument !== '--long')
const vitest = spawn('vitest', ['run', '--config', 'vitest.cluster.config.ts', ...rest], {
  stdio: 'inherit',
  env: { ...process.env, ...(long ? { RAPIDRMF_LONG: '1' } : {}) },
})
// The terminal sends SIGINT to both processes. This one waits, because the tests' servers need time to end.
process.on('SIGINT', () => {})
process.on('SIGTERM', () => vitest.kill('SIGTERM'))
vitest.on('exit', (code) => (process.exitCode = code ?? 1))
