import type { Reflector } from '../../operator/kube/reflector.ts'
import { until } from '../../scripts/control-plane/until.ts'

/** Waits until all reflectors have listed their objects. */
export async function synced({
  reflectors,
}: {
  readonly reflectors: readonly Pick<Reflector<never>, 'access'>[]
}): Promise<void> {
  await until('a list of the objects', () =>
    reflectors.every(({ access }) => access === 'granted') ? true : undefined,
  )
}
