#!/usr/bin/env node
// warm-cache.cjs PROGRAM: fills /app/cache with what V8 makes of the program, while an image is built and with the Node
// that will run it. Plain CommonJS without an extension in the image, because the image holds nothing else to run it with.
const { spawnSync } = require('node:child_process')
const { lutimesSync, readdirSync, chmodSync } = require('node:fs')
const { join } = require('node:path')

const CACHE = '/app/cache'
const [program] = process.argv.slice(2)
// V8 puts its random seed into the cache, and the layer would never be the same twice.
const { status } = spawnSync(process.execPath, ['--random-seed=1', program, '--help'], {
  env: { NODE_COMPILE_CACHE: CACHE },
  stdio: ['ignore', 'ignore', 'inherit'],
})
if (status !== 0) throw new Error(`${program} --help ended with exit code ${status}`)
const epoch = Number(process.env.SOURCE_DATE_EPOCH ?? 0)
for (const entry of readdirSync(CACHE, { withFileTypes: true, recursive: true })) {
  const path = join(entry.parentPath, entry.name)
  // Node makes it for its own user only.
  chmodSync(path, entry.isDirectory() ? 0o755 : 0o644)
  lutimesSync(path, epoch, epoch)
}
chmodSync(CACHE, 0o755)
lutimesSync(CACHE, epoch, epoch)
