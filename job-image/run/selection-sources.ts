import type { Selection } from '../../crds/selection.ts'
import type { Config, Environment } from '../config/config.ts'
import type { Io } from '../io.ts'
import { checkSelection, mergeSelections, parseSelection } from '../selection/normalize.ts'

/** The variable in which the operator passes `spec.selection` to the job, as JSON. */
export const SELECTION_VARIABLE = 'SELECTION'

/**
 * The normalized selection of a run. Each part (`systems`, `controls`, `allowEmpty`) is the caller's (flags), else the
 * variable's, else the environment's, else the configuration's. Throws an InputError that names the source of a bad one.
 */
export function selectionFor(
  config: Config,
  environment: Environment,
  requested: Selection | undefined,
  { env }: Pick<Io, 'env'>,
): Selection | undefined {
  const variable = env[SELECTION_VARIABLE] ?? ''
  return mergeSelections(
    requested === undefined ? undefined : checkSelection(requested),
    variable.trim() === '' ? undefined : parseSelection(variable, SELECTION_VARIABLE),
    environment.selection,
    config.selection,
  )
}
