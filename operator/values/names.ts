import { sha256Hex } from '../../common/sha256.ts'

/**
 * The CronJob controller's limit is 52. An Indexed Job has 63 − 1 − 8 − 1 − the digits of its largest index; with a
 * longer name it cannot create pods, and no error is reported when the CronJob is written. 49 is within both limits.
 */
const MAX_CHILD_NAME = 49
const HASH_LENGTH = 8

/** The CronJob's name: a DNS label from the schedule's name, which may be longer and contain dots. */
export function childName(scheduleName: string): string {
  return labelWithHash(scheduleName, hash(scheduleName, HASH_LENGTH))
}

/**
 * The name of the Job of a run request. The same token yields the same name, so that a repeated request creates one
 * Job. The letter before the hash distinguishes it from the name of a slot's Job, which ends in digits.
 */
export function runNowName(schedule: { readonly name: string; readonly uid: string }, token: string): string {
  return labelWithHash(schedule.name, `m${hash(JSON.stringify([schedule.uid, token]), 10)}`)
}

/** Truncation and replacement can make two names equal, so the hash of the whole name is always added. */
function labelWithHash(name: string, suffix: string): string {
  return `${label(name, MAX_CHILD_NAME - suffix.length - 1)}-${suffix}`
}

function label(name: string, length: number): string {
  const cut = name
    .toLowerCase()
    .replaceAll(/[^a-z0-9-]/g, '-')
    .replace(/^-+/, '')
    .slice(0, length)
    .replace(/-+$/, '')
  return cut === '' ? 's' : cut
}

function hash(text: string, length: number): string {
  return sha256Hex(text).slice(0, length)
}
