import type { TestProject } from 'vitest/node'
import { findDebianProgram, LUA, PROMTOOL } from '../../scripts/programs/debian-program.ts'
import type { Program } from '../../scripts/programs/debian-program.ts'
import { findHelm } from '../../scripts/programs/helm.ts'

declare module 'vitest' {
  interface ProvidedContext {
    helm: Program
    promtool: Program
    lua: Program
  }
}

export default async function setup(project: TestProject): Promise<void> {
  const tools = {
    helm: await findHelm(),
    promtool: findDebianProgram(PROMTOOL),
    lua: findDebianProgram(LUA),
  }
  project.provide('helm', tools.helm)
  project.provide('promtool', tools.promtool)
  project.provide('lua', tools.lua)
  for (const tool of Object.values(tools)) {
    if ('missing' in tool) process.stderr.write(`\nSKIPPED, a part of the chart's tests: ${tool.missing}\n\n`)
  }
}
