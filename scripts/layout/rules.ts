import { posix } from 'node:path'
import { rings } from './rings.ts'
import { PROGRAMS, folderOf } from './sources.ts'
import type { Source } from './sources.ts'
import { WITHOUT_TEST } from './without-test.ts'

/** Returns the problems of one rule of the layout: one line each, beginning with the path. */
export type Rule = (sources: readonly Source[]) => string[]

const topOf = (path: string): string => path.split('/')[0] ?? ''
const isInFolder = (path: string): boolean => path.includes('/')
const isWithin = (path: string, folder: string): boolean => path.startsWith(`${folder}/`)

/** The folders that the files of a top folder may import, besides their own. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  common: [],
  crds: ['common'],
  operator: ['common', 'crds'],
  'job-image': ['common', 'crds'],
  scripts: ['common', 'crds', 'operator', 'job-image'],
  bench: ['common', 'crds', 'operator', 'job-image', 'scripts'],
  test: ['common', 'crds', 'operator', 'job-image', 'scripts', 'bench'],
}

export const importsAcrossPrograms: Rule = (sources) =>
  sources.flatMap(({ path, imports }) => {
    const top = topOf(path)
    const allowed = [top, ...(MAY_IMPORT[top] ?? [])]
    return imports
      .filter((imported) => isInFolder(imported) && !allowed.includes(topOf(imported)))
      .map((imported) => `${path} imports ${imported}; ${top}/ may import ${allowed.join(', ')}`)
  })

export const noRings: Rule = (sources) => {
  const arrows = new Map<string, Set<string>>()
  for (const { path, imports } of sources) {
    if (!PROGRAMS.includes(topOf(path))) continue
    const from = folderOf(path)
    const to = arrows.get(from) ?? new Set()
    for (const imported of imports) if (folderOf(imported) !== from) to.add(folderOf(imported))
    arrows.set(from, to)
  }
  return rings(arrows).map((ring) => {
    const examples = sources.flatMap(({ path, imports }) =>
      imports
        .filter((to) => folderOf(to) !== folderOf(path))
        .filter((to) => ring.includes(folderOf(path)) && ring.includes(folderOf(to)))
        .map((to) => `${path} → ${to}`),
    )
    return `${ring.join(', ')}: these folders import each other:\n  ${examples.join('\n  ')}`
  })
}

/** The largest number of files in a folder that a reader can survey. */
const MAX_FILES = 25

export const smallFolders: Rule = (sources) => {
  const sizes = new Map<string, number>()
  for (const { path } of sources.filter((source) => PROGRAMS.includes(topOf(source.path)))) {
    sizes.set(posix.dirname(path), (sizes.get(posix.dirname(path)) ?? 0) + 1)
  }
  return [...sizes]
    .filter(([, size]) => size > MAX_FILES)
    .map(([folder, size]) => `${folder}: ${size} files; a folder has at most ${MAX_FILES}: make rooms`)
}

/** Folders that import only the ones after them. */
const DOWNWARD: Readonly<Record<string, readonly string[]>> = {
  'job-image/db': ['systems', 'prune', 'record', 'results', 'runs', 'inputs', 'schema', 'session'],
  'operator/plan': ['status', 'runs', 'cron-job', 'slots', 'inputs'],
}

export const downwardRooms: Rule = (sources) =>
  Object.entries(DOWNWARD).flatMap(([folder, rooms]) => {
    const levelOf = (path: string): number =>
      isWithin(path, folder) ? rooms.indexOf(path.slice(folder.length + 1).split('/')[0] ?? '') : -1
    return sources.flatMap(({ path, imports }) =>
      imports
        .filter((imported) => levelOf(imported) !== -1 && levelOf(imported) < levelOf(path))
        .map(
          (imported) =>
            `${path} imports ${imported}; in ${folder}/ rooms point downward: ${rooms.join(' → ')}`,
        ),
    )
  })

const STATEMENT =
  /\b(?:SELECT\b[^;`]*?\bFROM\b|INSERT INTO\b|UPDATE [a-z_.]+ SET\b|DELETE FROM\b|TRUNCATE [a-z_]|COPY [a-z_.]+ (?:\(|FROM\b|TO\b)+)/

export const statementsOnlyInDb: Rule = (sources) =>
  sources
    .filter(({ path }) => PROGRAMS.includes(topOf(path)) && !isWithin(path, 'job-image/db'))
    .filter(({ text }) => STATEMENT.test(text))
    .map(({ path }) => `${path}: holds a statement; statements are only in job-image/db/`)

const PROCESS_STATE = /\bprocess\.(?:env|argv|cwd|chdir|exit|exitCode|on|once|off|kill|stdin|stdout|stderr)\b/

/** The files that may use `process`: entry points, what runs them, and the library, which reads its host's environment. */
const MAY_TOUCH_PROCESS = /(?:^|\/)main\.ts$|^common\/program\.ts$|^job-image\/library\//

export const processOnlyInMain: Rule = (sources) =>
  sources
    .filter(({ path }) => PROGRAMS.includes(topOf(path)) && !MAY_TOUCH_PROCESS.test(path))
    .filter(({ text }) => PROCESS_STATE.test(text))
    .map(({ path }) => `${path}: touches the process; main.ts does, and passes on what is needed`)

/** Folders of pure functions: results depend only on arguments. */
const PURE = [
  'job-image/record',
  'job-image/rules',
  'job-image/validation',
  'job-image/selection',
  'operator/plan',
  'common/cron',
]
/** Matches code that reads a clock, a random number, or anything outside the process. */
const IMPURE_TEXT = /\bDate\.now\(|\bnew Date\(\)|\bMath\.random\(|\bset(?:Timeout|Interval|Immediate)\(/
const IMPURE_MODULE =
  /^(?:node:(?:fs|net|tls|http|https|dns|dgram|child_process|timers|worker_threads)(?:\/|$)|pg$|pg-|pino$|undici$|nodemailer$)/

export const pureRooms: Rule = (sources) =>
  sources
    .filter(({ path }) => PURE.some((folder) => isWithin(path, folder)))
    .flatMap(({ path, text, packages }) => [
      ...(IMPURE_TEXT.test(text)
        ? [`${path}: reads a clock, a timer or a random number in a pure room`]
        : []),
      ...packages
        .filter((name) => IMPURE_MODULE.test(name))
        .map((name) => `${path}: imports ${name} in a pure room`),
    ])

/** A declaration of a type, which may hold arrows and is no code. */
const TYPE = /^(?:export )?type [^\n]*\n(?:(?:[ })|&][^\n]*)?\n)*/gm
const FUNCTION = /^(?:export )?(?:async )?(?:function|class)\b|=> /m
const TEST = /^test\/[^/]+\/(.+)\.test\.ts$/

/** The path of a source's test below the folder of its suite. Most tests are of the job, so its folder is left out. */
const testOf = (path: string): string => path.replace(/^job-image\//, '').replace(/\.ts$/, '')

export const testsMirrorSources: Rule = (sources) => {
  const tested = new Set(sources.flatMap(({ path }) => TEST.exec(path)?.[1] ?? []))
  const open = new Set(Object.values(WITHOUT_TEST).flat())
  return sources
    .filter(({ path }) => PROGRAMS.includes(topOf(path)) && !open.has(path) && !tested.has(testOf(path)))
    .filter(({ text }) => FUNCTION.test(text.replaceAll(TYPE, '')))
    .map(
      ({ path }) =>
        `${path}: has no test of its path; add test/unit/${testOf(path)}.test.ts, or the same in another suite`,
    )
}

/** The rules of docs/architecture.md that can be checked on the sources. */
export const RULES: readonly Rule[] = [
  importsAcrossPrograms,
  noRings,
  smallFolders,
  downwardRooms,
  statementsOnlyInDb,
  processOnlyInMain,
  pureRooms,
  testsMirrorSources,
]
