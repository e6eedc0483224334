// Fails where comments, messages, titles of tests, documents or metrics leave the language that CONTRIBUTING.md describes.
import { readFileSync, readdirSync, statSync } from 'node:fs'
import { join, posix } from 'node:path'
import { isReadable, languageProblems, metricProblems, readableLines } from './language/problems.ts'
import { PROGRAMS } from './layout/sources.ts'

const ROOT = join(import.meta.dirname, '..')

const CHECKED = [
  ...PROGRAMS,
  'bench',
  'docs',
  'examples',
  'helm',
  'migrations',
  'scripts',
  'test',
  'CHANGELOG.md',
  'CONTRIBUTING.md',
  'README.md',
  'SECURITY.md',
]

/** Files with the words that the check forbids, golden files, and suites whose texts are not adapted yet. */
const EXCLUDED = ['scripts/language/', 'test/chart/golden/', 'test/unit/', 'test/pg/']

const files = CHECKED.flatMap(filesOf)
  .filter(isReadable)
  .filter((path) => !EXCLUDED.some((prefix) => path.startsWith(prefix)))
const problems = files.flatMap((path) => {
  const text = readFileSync(join(ROOT, path), 'utf8')
  return [...languageProblems(readableLines(path, text)), ...metricProblems(path, text)]
})
for (const problem of problems) process.stderr.write(`${problem}\n`)
if (problems.length > 0) process.exit(1)
process.stdout.write(`language: ${files.length} files keep its rules\n`)

/** The files below a path, relative to the root, with forward slashes. */
function filesOf(path: string): string[] {
  if (statSync(join(ROOT, path)).isFile()) return [path]
  return readdirSync(join(ROOT, path), { recursive: true, encoding: 'utf8' }).map((file) =>
    posix.join(path, file.replaceAll('\\', '/')),
  )
}
