/** The operator's configuration as far as it affects the created objects. */
export type JobDefaults = {
  readonly image: string
  readonly imagePullPolicy?: 'Always' | 'IfNotPresent' | 'Never' | undefined
  /** Images and service accounts that a schedule may name; `*` matches anything. Undefined allows any. */
  readonly allowedImages?: readonly string[] | undefined
  readonly allowedServiceAccounts?: readonly string[] | undefined
}
