import type { Selection } from '../../crds/selection.ts'
import type { Config, Environment } from '../config/config.ts'
import type { Io } from '../io.ts'
import { checkSelection, mergeSelections, parseSelection } from '../selection/normalize.ts'

/** How the operator hands `spec.selection` to the job: as JSON. */
export const SELECTION_VARIABLE = 'SELECTION'

/**
 * What a run is restricted to, normalized. Each part (`systems`, `controls`, `allowEmpty`) is the caller's (flags), else
 * the variable's, else the environment's, else the configuration's. A bad one is an InputError that names the source.
 */
export function selectionFor(
  config: Config,
  environment: Environment,
  asked: Selection | undefined,
  { env }: Pick<Io, 'env'>,
): Selection | undefined {
  const variable = env[SELECTION_VARIABLE] ?? ''
  return mergeSelections(
    asked === undefined ? undefined : checkSelection(asked),
    variable.trim() === '' ? undefined : parseSelection(variable, SELECTION_VARIABLE),
    environment.selection,
    config.selection,
  )
}
