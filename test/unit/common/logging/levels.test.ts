import { expect, it } from 'vitest'
import { LOG_LEVELS, isLogged } from '../../../../common/logging/levels.ts'

it.each([
  ['debug', ['debug', 'info', 'warn', 'error']],
  ['info', ['info', 'warn', 'error']],
  ['warn', ['warn', 'error']],
  ['error', ['error']],
] as const)('at %s, %j are logged', (least, logged) => {
  expect(LOG_LEVELS.filter((level) => isLogged(level, least))).toEqual(logged)
})
