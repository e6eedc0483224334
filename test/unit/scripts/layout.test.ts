import { describe, expect, it } from 'vitest'
import {
  RULES,
  downwardRooms,
  importsAcrossPrograms,
  noRings,
  processOnlyInMain,
  pureRooms,
  smallFolders,
  statementsOnlyInDb,
  testsMirrorSources,
} from '../../../scripts/layout/rules.ts'
import type { Rule } from '../../../scripts/layout/rules.ts'
import { sourceOf } from '../../../scripts/layout/sources.ts'

type Files = Readonly<Record<string, string>>

const problems = (rule: Rule, files: Files): string[] =>
  rule(Object.entries(files).map(([path, text]) => sourceOf(path, text)))

/** For each rule: files that keep it, and files that break it with the paths that its problems must name. */
const CASES: readonly (readonly [name: string, rule: Rule, kept: Files, broken: Files, named: string[]])[] = [
  [
    'a program imports another one',
    importsAcrossPrograms,
    { 'operator/a.ts': `import { x } from '../common/x.ts'`, 'test/a.ts': `import '../scripts/x.ts'` },
    {
      'operator/a.ts': `import type { X } from '../job-image/x.ts'`,
      'common/a.ts': `const x = await import('../crds/x.ts')`,
      'scripts/a.ts': `import { x } from '../test/x.ts'`,
    },
    ['operator/a.ts', 'common/a.ts', 'scripts/a.ts'],
  ],
  [
    'folders import each other',
    noRings,
    {
      'job-image/run/a.ts': `import { x } from '../db/x.ts'`,
      'job-image/cli.ts': `import './run/a.ts'`,
      'job-image/db/x.ts': `import { y } from '../errors.ts'`,
    },
    {
      'job-image/run/a.ts': `import { x } from '../db/x.ts'`,
      'job-image/db/y.ts': `import type { Y } from '../config/y.ts'`,
      'job-image/config/z.ts': `import { Z } from '../run/z.ts'`,
    },
    ['job-image/config, job-image/db, job-image/run'],
  ],
  [
    'a folder has too many files',
    smallFolders,
    Object.fromEntries(Array.from({ length: 25 }, (_, index) => [`job-image/db/${index}.ts`, ''])),
    Object.fromEntries(Array.from({ length: 26 }, (_, index) => [`job-image/db/${index}.ts`, ''])),
    ['job-image/db'],
  ],
  [
    'a room imports one above it',
    downwardRooms,
    { 'job-image/db/runs/a.ts': `import { x } from '../session/x.ts'` },
    {
      'job-image/db/session/a.ts': `import { x } from '../runs/x.ts'`,
      'operator/plan/inputs/a.ts': `import { x } from '../status/x.ts'`,
    },
    ['job-image/db/session/a.ts', 'operator/plan/inputs/a.ts'],
  ],
  [
    'a statement outside of db/',
    statementsOnlyInDb,
    {
      'job-image/db/a.ts': '`SELECT 1 FROM systems`',
      'job-image/run/a.ts': '// Selects systems FROM the plan.',
    },
    {
      'job-image/run/a.ts': '`SELECT id\n  FROM systems`',
      'job-image/commands/b.ts': "'DELETE FROM systems'",
    },
    ['job-image/run/a.ts', 'job-image/commands/b.ts'],
  ],
  [
    'the process outside of main.ts',
    processOnlyInMain,
    { 'operator/main.ts': 'process.env', 'job-image/run/a.ts': 'const { env } = io' },
    { 'operator/a.ts': 'process.env["X"]', 'job-image/run/a.ts': 'process.exit(1)' },
    ['operator/a.ts', 'job-image/run/a.ts'],
  ],
  [
    'a clock or a client in a pure room',
    pureRooms,
    { 'job-image/rules/a.ts': 'new Date(0)', 'job-image/run/a.ts': `import { connect } from 'node:net'` },
    {
      'job-image/rules/a.ts': 'Date.now()',
      'operator/plan/a.ts': `import { connect } from 'node:net'`,
      'common/cron/a.ts': 'setTimeout(run, 5)',
    },
    ['job-image/rules/a.ts', 'operator/plan/a.ts', 'common/cron/a.ts'],
  ],
  [
    'a source has no test of its path',
    testsMirrorSources,
    {
      'common/a.ts': 'export function a() {}',
      'test/unit/common/a.test.ts': '',
      'job-image/run/b.ts': 'export const b = () => 1',
      'test/pg/run/b.test.ts': '',
      'operator/plan/c.ts': 'export class C {}',
      'test/cluster/operator/plan/c.test.ts': '',
      'job-image/run/types.ts':
        'export type T = {\n  f: () => void\n\n  readonly g: (x: T) => T\n}\nexport const N = 1\n',
      'scripts/d.ts': 'export function d() {}',
    },
    {
      'common/a.ts': 'export function a() {}',
      'test/unit/other/a.test.ts': '',
      'job-image/run/b.ts': 'export type T = () => void\n\nexport const b = () => 1',
      'test/pg/run/b.ts': '',
      'operator/plan/c.ts': 'async function c() {}',
      'test/unit/plan/c.test.ts': '',
    },
    ['common/a.ts', 'job-image/run/b.ts', 'operator/plan/c.ts'],
  ],
]

describe('the rules of the layout', () => {
  it.each(CASES)('find where %s', (_name, rule, kept, broken, named) => {
    expect(problems(rule, kept)).toEqual([])
    expect(problems(rule, broken).map((problem) => problem.split(/: | imports /)[0])).toEqual(named)
  })

  it('are all tried here', () => {
    expect(CASES.map(([, rule]) => rule)).toEqual(RULES)
  })
})
