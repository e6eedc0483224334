/** What the operator was started with, as far as it shows in the objects that it makes. */
export type JobDefaults = {
  readonly image: string
  readonly imagePullPolicy?: 'Always' | 'IfNotPresent' | 'Never'
  /** Which images and service accounts a schedule may name; `*` stands for anything. Undefined: any. */
  readonly allowedImages?: readonly string[]
  readonly allowedServiceAccounts?: readonly string[]
}
