import { statSync } from 'node:fs'
import { InputError, asError } from '../errors.ts'
import type { Problem } from '../errors.ts'
import type { Io } from '../io.ts'
import { lintPacks } from '../rules/lint.ts'
import { environmentOf, pathOf } from './config.ts'
import type { Config } from './config.ts'
import type { Setting } from './expand.ts'
import { resolveSink } from './notifications.ts'
import { configuredUrl, overridingUrl } from './target.ts'

export type ConfigCheck = {
  readonly problems: readonly Problem[]
  /** Settings that are missing but can be given to a command in other ways. */
  readonly notes: readonly string[]
}

/**
 * Uses every value of a configuration that any command would: puts variables in, reads database URLs (without
 * connecting), looks for the files and checks the rule packs. With `env`, of the environments only that one.
 */
export function checkConfig(
  config: Config,
  options: { readonly env?: string | undefined; readonly databaseUrl?: string | undefined },
  io: Pick<Io, 'env'>,
): ConfigCheck {
  const problems: Problem[] = []
  const override = collect(problems, () => overridingUrl(options.databaseUrl, io))
  const environments =
    options.env === undefined ? [...config.environments.values()] : [environmentOf(config, options.env)]
  const notes: string[] = []
  if (override === undefined) {
    for (const environment of environments) {
      collect(problems, () => configuredUrl(config, environment))
      if (environment.databaseUrl !== undefined) continue
      notes.push(`environments.${environment.name} has no database_url: set DATABASE_URL for its commands`)
    }
  }
  for (const { path } of config.catalogs.values()) {
    if (path !== undefined) existingFile(config, path, problems)
  }
  const packs = config.rulePacks.flatMap((pack) => existingFile(config, pack, problems) ?? [])
  problems.push(...lintPacks(packs).problems)
  const names = environments.map(({ name }) => name)
  for (const sink of config.notifications) {
    if (!sink.environments.some((each) => names.includes(each))) continue
    problems.push(...resolveSink(sink, config.env).problems)
  }
  return { problems, notes }
}

function existingFile(config: Config, setting: Setting, problems: Problem[]): string | undefined {
  const path = collect(problems, () => pathOf(config, setting))
  if (path === undefined) return undefined
  const problem = fileProblem(path)
  if (problem === undefined) return path
  problems.push(setting.problem(problem))
  return undefined
}

function fileProblem(path: string): string | undefined {
  try {
    return statSync(path).isFile() ? undefined : 'is not a file'
  } catch (thrown) {
    const { code } = asError(thrown) as NodeJS.ErrnoException
    return code === 'EACCES' ? 'cannot be read: permission denied' : 'there is no such file'
  }
}

/** The result of `work`; what it refuses is added to the problems. */
function collect<T>(problems: Problem[], work: () => T): T | undefined {
  try {
    return work()
  } catch (thrown) {
    if (!(thrown instanceof InputError)) throw thrown
    problems.push(...thrown.problems)
    return undefined
  }
}
