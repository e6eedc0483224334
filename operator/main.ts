#!/usr/bin/env node
import { setFlagsFromString } from 'node:v8'
import { runProgram } from '../common/program.ts'

// Objects of a reconcile or a watch event are short-lived, so the young generation need not grow.
setFlagsFromString('--semi-space-growth-factor=1')
// Most of the heap are long-lived caches. By default V8 lets garbage of the same size accumulate at each scrape and
// each bulk of changes.
setFlagsFromString('--heap-growing-percent=20')

// Signal handlers are set before the modules are loaded: a SIGTERM in the first second ends the operator gracefully.
runProgram(process, 'rapidrmf-operator', async (io, argv) => {
  const { start } = await import('./start.ts')
  return start(io, argv)
})
