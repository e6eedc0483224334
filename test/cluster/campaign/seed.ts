// The length and the seed of a campaign.
import { randomInt } from 'node:crypto'

/** True for the full campaign; otherwise a part that fits into `npm test`. */
export const isLong = process.env['RAPIDRMF_LONG'] === '1'

/** A new seed for each run, printed at its start; RAPIDRMF_SEED repeats one. */
export function campaignSeed(campaign: string): number {
  const seed = Number(process.env['RAPIDRMF_SEED'] ?? randomInt(2 ** 31))
  process.stdout.write(`${campaign}: RAPIDRMF_SEED=${seed}${isLong ? ' RAPIDRMF_LONG=1' : ''}\n`)
  return seed
}

/** Adds to an error how to reproduce it. */
export async function withSeed<T>(what: string, seed: number, act: () => Promise<T>): Promise<T> {
  try {
    return await act()
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    const again = `RAPIDRMF_SEED=${seed}${isLong ? ' RAPIDRMF_LONG=1' : ''}`
    throw new Error(`${what} (again with ${again}): ${message}`, { cause: error })
  }
}
