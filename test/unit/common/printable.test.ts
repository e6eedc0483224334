import { describe, expect, test } from 'vitest'
import { printable } from '../../../common/printable.ts'
import { createLogger } from '../../../common/logging/logger.ts'
import { parseInventory } from '../../../job-image/inventory/inventory.ts'
import { collectOutput, createFolder, runArgv } from '../../support/run-command.ts'

const OVERRIDE = '\u202E'

test.each([
  ['\u001B[2J', '␛[2J'],
  ['a\nrapidrmf: b\r\t', 'a␊rapidrmf: b␍␉'],
  [`prod${OVERRIDE}uction\u200B`, 'prod\uFFFDuction\uFFFD'],
  ['\u009B31m\u007F\u2028', '\uFFFD31m\uFFFD\uFFFD'],
  ['Kasse Süd 👩‍💻 東京', 'Kasse Süd 👩‍💻 東京'],
])('%j is shown as %j', (text, shown) => {
  expect(printable(text)).toBe(shown)
})

test('a line of the log for people stays one line', () => {
  const output = collectOutput()
  const error = 'broken\n\u001B[2Jrapidrmf: Run 2: Passed'
  createLogger(output, { level: 'info', format: 'text' }).info({ error }, error)
  expect(output.text.split('\n')).toHaveLength(2)
  expect(output.text).not.toContain('\u001B')
})

describe('a name with an invisible character is refused', () => {
  const folder = createFolder()
  const code = 'must not contain the invisible character U+202E'

  test('as an environment of the configuration', async () => {
    folder.write('config.yaml', `environments: { "prod${OVERRIDE}": {} }\n`)
    const { code: exit, err } = await runArgv(['config', 'check'], { cwd: folder.path })
    expect(exit).toBe(2)
    expect(err).toContain(`config.yaml:1:17: environments.prod\uFFFD: a name ${code}`)
  })

  test.each(['environment', 'name', 'type'])('as %s in an inventory', async (key) => {
    const names: Record<string, string> = { environment: 'production', name: 'ledger', type: 'sbom' }
    names[key] += OVERRIDE
    const evidence = { type: names['type'], key: 'k', sha256: 'a'.repeat(64), collected_at: '2026-11-01' }
    const { environment, name } = names
    const text = JSON.stringify({ systems: [{ name, environment, evidence: [evidence] }] })
    await expect(parseInventory(text, 'inventory.yaml')).rejects.toThrow(code)
  })

  test.each(['once', 'start'])('as the schedule of scheduler %s', async (command) => {
    const argv = ['scheduler', command, '--schedule', `nightly${OVERRIDE}`]
    const { code: exit, err } = await runArgv(argv, { cwd: folder.path })
    expect(exit).toBe(2)
    expect(err).toContain(code)
  })
})
