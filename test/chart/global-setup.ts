import type { TestProject } from 'vitest/node'
import { findHelm } from './helm.ts'
import type { Helm } from './helm.ts'
import { findPromtool } from './promtool.ts'
import type { Promtool } from './promtool.ts'

declare module 'vitest' {
  interface ProvidedContext {
    helm: Helm
    promtool: Promtool
  }
}

export default async function setup(project: TestProject): Promise<void> {
  const tools = { helm: await findHelm(), promtool: findPromtool() } as const
  project.provide('helm', tools.helm)
  project.provide('promtool', tools.promtool)
  for (const tool of Object.values(tools)) {
    if ('missing' in tool) process.stderr.write(`\nSKIPPED, a part of the chart's tests: ${tool.missing}\n\n`)
  }
}
