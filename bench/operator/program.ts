import { join } from 'node:path'
import { buildOperator } from '../../scripts/bundle.ts'

/** Builds the operator as one file, as in its image; returns its path. */
export async function bundleOperator(directory: string): Promise<string> {
  await buildOperator(directory)
  return join(directory, 'operator.cjs')
}
