import { expect, test } from 'vitest'
import { runAction, say, write, writeJson } from '../../job-image/io.ts'
import { collectOutput } from '../support/run-command.ts'

test('a text is written as it is', async () => {
  const output = collectOutput()
  await write(output, 'a\u001B[31m\nb')
  expect(output.text).toBe('a\u001B[31m\nb')
})

test('writing waits until the reader has taken the text', async () => {
  const steps: string[] = []
  const output = Object.assign(collectOutput(), {
    write: () => void steps.push('written'),
    drained: async () => void steps.push('drained'),
  })
  await write(output, 'a')
  expect(steps).toEqual(['written', 'drained'])
})

test('a line for people shows no secret and cannot control the terminal', async () => {
  const output = collectOutput()
  await say(output, 'cannot connect to postgresql://me:canary@h/d\n\u001B[2Jdone')
  expect(output.text).not.toContain('canary')
  expect(output.text).not.toContain('\u001B')
  expect(output.text).toMatch(/^cannot connect to postgresql:\/\/\*\*\*@h\/d.*done\n$/)
})

test('JSON is one indented document that ends with a line break', async () => {
  const output = collectOutput()
  await writeJson(output, { a: [1], b: null })
  expect(output.text).toBe('{\n  "a": [\n    1\n  ],\n  "b": null\n}\n')
})

test('an action of a run is marked as one, and resolves to its exit code', async () => {
  const action = runAction(async () => 3)
  const output = collectOutput()
  const { signal } = new AbortController()
  expect(action.isRun).toBe(true)
  expect(await action({ env: {}, cwd: '/', stdout: output, stderr: output, signal })).toBe(3)
})
