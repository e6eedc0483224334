// How much of a campaign runs, and from which seed.
import { randomInt } from 'node:crypto'

/** All of it; else a part that fits into `npm test`. */
export const isLong = process.env['RAPIDRMF_LONG'] === '1'

/** A new one each time, told at the start; RAPIDRMF_SEED takes one of those again. */
export function campaignSeed(campaign: string): number {
  const seed = Number(process.env['RAPIDRMF_SEED'] ?? randomInt(2 ** 31))
  process.stdout.write(`${campaign}: RAPIDRMF_SEED=${seed}${isLong ? ' RAPIDRMF_LONG=1' : ''}\n`)
  return seed
}

/** What is wrong, and how to see it again. */
export async function told<T>(what: string, seed: number, act: () => Promise<T>): Promise<T> {
  try {
    return await act()
  } catch (error) {
    const words = error instanceof Error ? error.message : String(error)
    const again = `RAPIDRMF_SEED=${seed}${isLong ? ' RAPIDRMF_LONG=1' : ''}`
    throw new Error(`${what} (again with ${again}): ${words}`, { cause: error })
  }
}
