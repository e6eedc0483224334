/** The CronJob of an earlier spec while the present one cannot be used. */
export type LastGood = {
  readonly suspended: boolean
  /** Why it could not be suspended or resumed. */
  readonly failure: string | undefined
}

/** The state of the CronJob as known to this reconcile. */
export type CronJobState =
  | { readonly kind: 'ready' }
  | { readonly kind: 'invalid'; readonly message: string; readonly lastGood: LastGood | undefined }
  | { readonly kind: 'notAllowed'; readonly message: string; readonly lastGood: LastGood | undefined }
  | { readonly kind: 'conflict'; readonly name: string; readonly owner: string }
  | { readonly kind: 'leaving'; readonly name: string; readonly finalizers: readonly string[] }
  | { readonly kind: 'inherited'; readonly name: string }
  | { readonly kind: 'terminating' }
  | { readonly kind: 'forbidden'; readonly message: string }
  | { readonly kind: 'failing'; readonly message: string }
