#!/usr/bin/env node
import { setFlagsFromString } from 'node:v8'
import { runProgram } from '../common/program.ts'

// What a reconcile or a watch event makes is dead when it ends, so the nursery need not grow.
setFlagsFromString('--semi-space-growth-factor=1')
// Most of the heap are the caches, which stay: left alone, V8 lets as much again pile up at each scrape and each bulk.
setFlagsFromString('--heap-growing-percent=20')

// The signal handlers are set before anything else is loaded: a SIGTERM in the first second ends the operator in order.
runProgram(process, 'rapidrmf-operator', async (io, argv) => {
  const { start } = await import('./start.ts')
  return start(io, argv)
})
