#!/usr/bin/env node
// warm-cache.cjs PROGRAM: makes /layer/app/cache, V8's compile cache of the program, which the image has at /app/cache. It
// runs during the build with the image's Node. It is plain CommonJS, because the image contains only Node.
const { spawnSync } = require('node:child_process')
const { chmodSync, chownSync, lutimesSync, mkdirSync, readdirSync } = require('node:fs')
const path = require('node:path')

const LAYER = '/layer'
const CACHE = path.join(LAYER, 'app/cache')
/** The image's user id. Node reads only the cache of its own user id; other users start without a cache. */
const USER = 65532
const [program] = process.argv.slice(2)
mkdirSync(CACHE, { recursive: true })
chownSync(CACHE, USER, USER)
// A fixed seed makes the layer reproducible, because V8 writes its random seed into the cache.
const { status } = spawnSync(process.execPath, ['--random-seed=1', program, '--help'], {
  env: { NODE_COMPILE_CACHE: CACHE },
  stdio: ['ignore', 'ignore', 'inherit'],
  uid: USER,
  gid: USER,
})
if (status !== 0) throw new Error(`${program} --help ended with exit code ${status}`)
const epoch = Number(process.env.SOURCE_DATE_EPOCH ?? 0)
const made = readdirSync(LAYER, { withFileTypes: true, recursive: true })
for (const entry of made.toReversed()) {
  const file = path.join(entry.parentPath, entry.name)
  chownSync(file, 0, 0)
  chmodSync(file, entry.isDirectory() ? 0o755 : 0o644)
  lutimesSync(file, epoch, epoch)
}
