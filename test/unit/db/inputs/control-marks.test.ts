import { expect, it } from 'vitest'
import { readMarks } from '../../../../job-image/db/inputs/control-marks.ts'

it.each([
  [null, undefined, false],
  ['', undefined, false],
  ['{}', undefined, false],
  ['{"withdrawn": true}', true, false],
  ['{"withdrawn": false}', false, false],
  ['{"withdrawn": null}', undefined, false],
  ['{"withdrawn": "true", "removed": "true"}', true, true],
  ['{"withdrawn": "yes", "removed": 1}', false, false],
  ['{"withdrawn": {"withdrawn": true}, "removed": [true]}', false, false],
  [String.raw`{"withdr\u0061wn": true}`, true, false],
  ['["withdrawn", "removed"]', undefined, false],
])('%s: withdrawn %s, removed %s', (text, withdrawn, removed) => {
  expect(readMarks(text)).toEqual({ withdrawn, removed })
})
