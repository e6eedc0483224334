import { rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

/** The holder touches its lock file at each heartbeat; after five missed heartbeats the lock counts as abandoned. */
const HEARTBEAT_MS = 2_000
const STALE_MS = 5 * HEARTBEAT_MS

/**
 * Only one process builds at a time; the others wait. The lock of a killed process is broken. Two processes that
 * break it at the same moment both build, which costs time but is harmless: results are moved into place whole.
 */
export async function withBuildLock(
  file: string,
  say: (text: string) => void,
  work: () => Promise<void>,
): Promise<void> {
  for (let waited = 0; !taken(file); waited += 1) {
    if (waited % 30 === 0) say(`another process is building; waiting for it (${file})`)
    await sleep(1_000)
  }
  const beat = setInterval(() => {
    const now = new Date()
    utimesSync(file, now, now)
  }, HEARTBEAT_MS)
  try {
    await work()
  } finally {
    clearInterval(beat)
    rmSync(file, { force: true })
  }
}

function taken(file: string): boolean {
  const age = ageOf(file)
  if (age !== undefined && age > STALE_MS) rmSync(file, { force: true })
  try {
    writeFileSync(file, `${process.pid}\n`, { flag: 'wx' })
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

function ageOf(file: string): number | undefined {
  const found = statSync(file, { throwIfNoEntry: false })
  return found === undefined ? undefined : Date.now() - found.mtimeMs
}
