import { asError } from '../common/as-error.ts'
import { parseArgs } from 'node:util'
import { z } from 'zod'
import { urlProblem } from '../common/webhook/url-problem.ts'

/** A flag or a variable is invalid; the message names it and says what is expected. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
}

export type OperatorConfig = z.output<ReturnType<typeof configSchema>>

/** Flags with their environment variable and description, in the order of `--help`. */
const FLAGS = {
  image: ['RAPIDRMF_IMAGE', 'image of the jobs (required); a schedule may name another one'],
  'image-pull-policy': ['RAPIDRMF_IMAGE_PULL_POLICY', 'Always, IfNotPresent or Never; default: by the tag'],
  'allowed-images': [
    'RAPIDRMF_ALLOWED_IMAGES',
    'images a schedule may name, separated by commas, with *; default: any',
  ],
  'allowed-service-accounts': ['RAPIDRMF_ALLOWED_SERVICE_ACCOUNTS', 'the same for service accounts of pods'],
  namespaces: ['RAPIDRMF_NAMESPACES', 'namespaces to watch, separated by commas; default: all'],
  'lease-namespace': ['POD_NAMESPACE', 'namespace of the leader election Lease; default: default'],
  'lease-name': ['RAPIDRMF_LEASE_NAME', 'name of the Lease; default: rapidrmf-operator'],
  identity: ['POD_NAME', 'name of this replica; default: the host'],
  workers: ['RAPIDRMF_WORKERS', 'schedules reconciled at the same time; default: 16'],
  host: ['RAPIDRMF_HOST', 'address for /healthz, /readyz and /metrics; default: all'],
  port: ['RAPIDRMF_PORT', 'port for them, 0 for any; default: 8080'],
  kubeconfig: [
    'RAPIDRMF_KUBECONFIG',
    'default: $KUBECONFIG, ~/.kube/config, or the service account of the pod',
  ],
  context: ['RAPIDRMF_CONTEXT', 'context within it; default: the current one'],
  'log-level': ['RAPIDRMF_LOG_LEVEL', 'debug, info, warn or error; default: info'],
  'notify-url': ['NOTIFY_URL', 'webhook that receives notices of runs that did not start; default: none'],
  'notify-allow-private-addresses': [
    'NOTIFY_ALLOW_PRIVATE_ADDRESSES',
    'true: it may be in a private network, and http://; default: false',
  ],
} as const satisfies Record<string, readonly [variable: string, description: string]>

type Flag = keyof typeof FLAGS

/** Secrets are never flags: every user of the machine can read those. */
const SECRETS = {
  'notify-secret': ['NOTIFY_SECRET', 'signs the requests to the webhook'],
} as const satisfies Record<string, readonly [variable: string, description: string]>

const SETTINGS = { ...FLAGS, ...SECRETS }
type Setting = keyof typeof SETTINGS

const list = z
  .string()
  .transform((text) =>
    text
      .split(',')
      .map((part) => part.trim())
      .filter((part) => part !== ''),
  )
  .optional()

const whole = (max: number) => z.coerce.number('expected a number').int('expected a whole number').max(max)

type Settings = Readonly<Partial<Record<Setting, string | undefined>>>

/** The schema needs all settings, because some depend on others. */
const configSchema = (given: Settings) =>
  z.object({
    image: z
      .string({ error: 'is required: the image that runs "rapidrmf", such as registry.example/rapidrmf:1.0' })
      .regex(/^\S+$/, 'an image reference holds no spaces'),
    'image-pull-policy': z.enum(['Always', 'IfNotPresent', 'Never']).optional(),
    'allowed-images': list,
    'allowed-service-accounts': list,
    namespaces: list.refine((names) => names?.length !== 0, 'names no namespace'),
    'lease-namespace': z.string().default('default'),
    'lease-name': z.string().default('rapidrmf-operator'),
    identity: z.string().optional(),
    workers: whole(1000).min(1).default(16),
    host: z.string().optional(),
    port: whole(65_535).min(0).default(8080),
    kubeconfig: z.string().optional(),
    context: z.string().optional(),
    'log-level': z.enum(['debug', 'info', 'warn', 'error']).default('info'),
    'notify-url': z
      .string()
      .superRefine((url, context) => {
        const message = urlProblem(url, {
          allowPrivate: given['notify-allow-private-addresses'] === 'true',
          allowedBy: '--notify-allow-private-addresses=true',
        })
        if (message !== undefined) context.addIssue({ code: 'custom', message })
      })
      .optional(),
    'notify-secret': z
      .string()
      .regex(/^\P{Cc}*$/u, 'holds a line break or another control character: was it made by echo?')
      .refine(() => given['notify-url'] !== undefined, 'is of no use without NOTIFY_URL')
      .optional(),
    'notify-allow-private-addresses': z
      .enum(['true', 'false'])
      .default('false')
      .transform((text) => text === 'true'),
  })

/** Reads flags, then variables, then defaults. One error names all problems. An empty variable counts as unset. */
export function readConfig(
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Readonly<OperatorConfig> | 'help' {
  const { flags, help } = readFlags(argv)
  if (help) return 'help'
  const given: Settings = Object.fromEntries(
    (Object.keys(SETTINGS) as Setting[]).map((name) => [
      name,
      flags[name as Flag] ?? (env[SETTINGS[name][0]] || undefined),
    ]),
  )
  const parsed = configSchema(given).safeParse(given)
  if (parsed.success) return Object.freeze(parsed.data)
  throw new ConfigError(
    parsed.error.issues
      .map(({ path, message }) => {
        const name = String(path[0]) as Setting
        const [variable] = SETTINGS[name]
        return name in FLAGS ? `--${name} (${variable}): ${message}` : `${variable}: ${message}`
      })
      .join('\n'),
  )
}

export function helpText(): string {
  const lines = Object.entries(FLAGS).map(
    ([flag, [variable, description]]) => `  --${flag}\n      ${description} [${variable}]`,
  )
  const secrets = Object.values(SECRETS).map(
    ([variable, description]) => `  ${variable}\n      ${description} (a variable only)`,
  )
  return `The operator for ValidationSchedules.\n\n${[...lines, ...secrets].join('\n')}\n`
}

function readFlags(argv: readonly string[]): { flags: Partial<Record<Flag, string>>; help: boolean } {
  const options = Object.fromEntries(Object.keys(FLAGS).map((flag) => [flag, { type: 'string' as const }]))
  try {
    const { values } = parseArgs({
      args: [...argv],
      options: { ...options, help: { type: 'boolean', short: 'h' } },
    })
    const { help = false, ...flags } = values
    return { flags, help }
  } catch (error) {
    throw new ConfigError(asError(error).message, { cause: error })
  }
}
