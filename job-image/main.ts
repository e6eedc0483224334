#!/usr/bin/env node
import { setFlagsFromString } from 'node:v8'
import { EXIT } from '../common/exit-codes.ts'
import { nodeVersionProblem } from '../common/node-version.ts'
import { runProgram } from '../common/program.ts'
import { runCli } from './cli.ts'

const problem = nodeVersionProblem(process.versions)
if (problem !== undefined) {
  process.stderr.write(`rapidrmf: ${problem}\n`)
  process.exit(EXIT.usage)
}

// Young objects of a run die within a batch, so the nursery need not grow: at 2,000 systems that halves the process
// and costs no speed. (--max-semi-space-size would say it plainer, but V8 reads it before any script runs.)
setFlagsFromString('--semi-space-growth-factor=1')

runProgram(process, 'rapidrmf', (io, argv) => runCli(argv, io))
