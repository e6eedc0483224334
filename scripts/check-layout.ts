// Fails when the place or an import of a file breaks a rule of docs/architecture.md.
import { join } from 'node:path'
import { RULES } from './layout/rules.ts'
import { PROGRAMS, readSources } from './layout/sources.ts'

const sources = readSources(join(import.meta.dirname, '..'), [...PROGRAMS, 'scripts', 'bench', 'test'])
const problems = RULES.flatMap((rule) => rule(sources))
for (const problem of problems) process.stderr.write(`${problem}\n`)
if (problems.length > 0) process.exit(1)
process.stdout.write(`layout: ${sources.length} files keep its ${RULES.length} rules\n`)
