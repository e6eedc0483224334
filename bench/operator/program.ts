import { join } from 'node:path'
import { buildOperator } from '../../scripts/bundle.ts'

/** The operator as one file, as its image holds it; returns its path. */
export async function bundleOperator(directory: string): Promise<string> {
  await buildOperator(directory)
  return join(directory, 'operator.cjs')
}
