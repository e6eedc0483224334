import { createHash } from 'node:crypto'

/**
 * 52 is the CronJob controller's limit. An Indexed Job has 63 − 1 − 8 − 1 − digits of its largest index left for its
 * name, beyond which it can never make a pod, and nothing says so when the CronJob is written: 49 leaves room for both.
 */
const MAX_CHILD_NAME = 49
const HASH_LENGTH = 8

/** The CronJob's name: a DNS label made from the schedule's name, which may be longer and hold dots. */
export function childName(scheduleName: string): string {
  return labelWithHash(scheduleName, hash(scheduleName, HASH_LENGTH))
}

/**
 * The Job of a run request. The same token always names the same Job, so that asking twice makes one. The hash has a
 * letter before it: a Job name that ends in digits only reads as that of a slot.
 */
export function runNowName(schedule: { readonly name: string; readonly uid: string }, token: string): string {
  return labelWithHash(schedule.name, `m${hash(JSON.stringify([schedule.uid, token]), 10)}`)
}

/** Cutting and replacing can make two names one, so the hash of the whole is always added. */
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
  return createHash('sha256').update(text).digest('hex').slice(0, length)
}
