import type { CachedSchedule } from '../../cache/projections.ts'
import type { JobDefaults } from '../inputs/job-defaults.ts'

/** What of a schedule the operator's flags do not allow, with the remedy; undefined when all is allowed. */
export function notAllowed({ spec }: CachedSchedule, defaults: JobDefaults): string | undefined {
  const { image, serviceAccountName = 'default' } = spec.job.pod
  if (image !== undefined && !admits(defaults.allowedImages, image)) {
    return (
      `spec.job.pod.image: this operator allows ${listed(defaults.allowedImages)}; ` +
      'use one of them, or have the operator started with another --allowed-images'
    )
  }
  if (!admits(defaults.allowedServiceAccounts, serviceAccountName)) {
    return (
      `spec.job.pod.serviceAccountName: this operator allows ${listed(defaults.allowedServiceAccounts)}; ` +
      'use one of them, or have the operator started with another --allowed-service-accounts'
    )
  }
  return undefined
}

/** `*` stands for any characters. */
function admits(patterns: readonly string[] | undefined, value: string): boolean {
  return patterns === undefined || patterns.some((pattern) => matches(pattern.split('*'), value))
}

function matches([first = '', ...rest]: readonly string[], value: string): boolean {
  if (rest.length === 0) return value === first
  if (!value.startsWith(first)) return false
  const last = rest.at(-1) ?? ''
  let at = first.length
  for (const part of rest.slice(0, -1)) {
    const found = value.indexOf(part, at)
    if (found === -1) return false
    at = found + part.length
  }
  return value.length - last.length >= at && value.endsWith(last)
}

function listed(patterns: readonly string[] = []): string {
  return patterns.length === 0 ? 'none' : patterns.join(', ')
}
