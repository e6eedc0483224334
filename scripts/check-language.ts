// Fails where comments, messages or metrics leave the language that CONTRIBUTING.md describes.
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { languageProblems, metricProblems, readableLines } from './language/problems.ts'
import { PROGRAMS } from './layout/sources.ts'

const ROOT = join(import.meta.dirname, '..')

const sources = PROGRAMS.flatMap((folder) =>
  readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => join(folder, file)),
)
const problems = sources.flatMap((path) => {
  const text = readFileSync(join(ROOT, path), 'utf8')
  return [...languageProblems(readableLines(path, text)), ...metricProblems(path, text)]
})
for (const problem of problems) process.stderr.write(`${problem}\n`)
if (problems.length > 0) process.exit(1)
process.stdout.write(`language: ${sources.length} files keep its rules\n`)
