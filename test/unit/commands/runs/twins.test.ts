import { expect, it } from 'vitest'
import { helpOfEveryCommand } from '../../../support/help.ts'

it('the help of "runs list" and of "scheduler runs" each names the other', async () => {
  const helps = new Map((await helpOfEveryCommand()).map(({ argv, text }) => [argv.join(' '), text]))
  expect(helps.get('runs list')).toContain('The same as "rapidrmf scheduler runs"')
  expect(helps.get('scheduler runs')).toContain('The same as "rapidrmf runs list"')
})
