import { rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

/** The holder touches its lock file at each heartbeat; after five missed heartbeats the lock counts as abandoned. */
const HEARTBEAT_MS = 2_000
const STALE_MS = 5 * HEARTBEAT_MS

/**
 * Runs the build while holding a lock; other processes wait. The lock of a killed process is broken. Two processes that
 * break it at the same time both build, which is harmless: each moves its complete result into place.
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
  const heartbeat = setInterval(() => {
    const now = new Date()
    utimesSync(file, now, now)
  }, HEARTBEAT_MS)
  try {
    await work()
  } finally {
    clearInterval(heartbeat)
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
