import { compileStarGlob } from '../../../common/glob.ts'
import type { CachedSchedule } from '../../cache/projections.ts'
import type { JobDefaults } from '../inputs/job-defaults.ts'

/** Returns what the operator's allow-lists do not allow, with the remedy; undefined if all is allowed. */
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

/** `*` matches any characters. */
function admits(patterns: readonly string[] | undefined, value: string): boolean {
  return patterns === undefined || patterns.some((pattern) => compileStarGlob(pattern)(value))
}

function listed(patterns: readonly string[] = []): string {
  return patterns.length === 0 ? 'none' : patterns.join(', ')
}
