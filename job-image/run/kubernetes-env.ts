import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { InputError } from '../errors.ts'
import type { Io } from '../io.ts'

/*
 * Environment variables that the operator sets in the pods of runs (operator/plan/cron-job/pod.ts). Outside of such a pod
 * they are absent, and these functions do nothing.
 */

const MINUTE_MS = 60_000
/** A CronJob's Jobs are named after their slot: minutes since the epoch. */
const SLOT_SUFFIX = /-(\d{8,9})$/

/** True if this process runs in a pod of a Job. */
export function isInJob({ env }: Pick<Io, 'env'>): boolean {
  return (env['JOB_NAME'] ?? '') !== ''
}

/**
 * The slot in the name of the Job, ISO-8601. The name of a manually created Job may end in digits, too: they are a slot
 * only if it is neither in the future nor older than the starting deadline.
 */
export function slotOfJob({ env }: Pick<Io, 'env'>, now: Date): string | undefined {
  const [, minutes] = SLOT_SUFFIX.exec(env['JOB_NAME'] ?? '') ?? []
  const deadline = Number(env['STARTING_DEADLINE_SECONDS'] ?? Number.NaN) * 1000
  if (minutes === undefined || Number.isNaN(deadline)) return undefined
  const slot = Number(minutes) * MINUTE_MS
  const age = now.getTime() - slot
  return age >= 0 && age <= deadline ? new Date(slot).toISOString() : undefined
}

/**
 * The operator lets a pod start without its ConfigMap or Secret, because a pod that waits for one says nothing for hours.
 * Here it is said. Without this check, a URL that is missing would give way to another database, that of the file.
 */
export function requireSources(
  { config }: { readonly config: string },
  { env, cwd }: Pick<Io, 'env' | 'cwd'>,
): void {
  const configSource = env['CONFIG_SOURCE'] ?? ''
  if (configSource !== '' && !existsSync(resolve(cwd, config))) {
    throw new InputError(missing('the configuration', configSource, 'spec.config'))
  }
  const urlSource = env['DATABASE_URL_SOURCE'] ?? ''
  if (urlSource !== '' && (env['DATABASE_URL'] ?? '') === '') {
    throw new InputError(missing("the database's URL", urlSource, 'spec.database'))
  }
}

function missing(what: string, source: string, field: string): string {
  return `${what} is not there: no ${source}; create it, or correct ${field} of the ValidationSchedule`
}
