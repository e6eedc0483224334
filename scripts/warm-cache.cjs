#!/usr/bin/env node
// warm-cache.cjs PROGRAM: makes /layer/app/cache, to be copied to /app/cache: what V8 makes of the program, while an image
// is built and with the Node that will run it. Plain CommonJS, because the image holds nothing but Node to run it with.
const { spawnSync } = require('node:child_process')
const { chmodSync, chownSync, lutimesSync, mkdirSync, readdirSync } = require('node:fs')
const path = require('node:path')

const LAYER = '/layer'
const CACHE = path.join(LAYER, 'app/cache')
/** Of the image. Node reads what was made for the number of its own user only; another one merely starts slower. */
const USER = 65532
const [program] = process.argv.slice(2)
mkdirSync(CACHE, { recursive: true })
chownSync(CACHE, USER, USER)
// V8 puts its random seed into the cache, and the layer would never be the same twice.
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
