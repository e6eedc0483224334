import { cpSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'

const ROOT = join(import.meta.dirname, '../..')
/** Folders that the program does not read. */
const OTHERS = ['node_modules', 'dist', 'test', 'bench', 'docs', 'helm']

/** Copies the program with another version number; returns the path of its main.ts. Removed at the end of the test file. */
export function otherVersion(version: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'rapidrmf-version-'))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))
  for (const entry of readdirSync(ROOT, { withFileTypes: true })) {
    const { name } = entry
    if (!entry.isDirectory() || name.startsWith('.') || OTHERS.includes(name)) continue
    cpSync(join(ROOT, name), join(folder, name), { recursive: true })
  }
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'))
  const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as object
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ ...manifest, version }))
  return join(folder, 'job-image/main.ts')
}
