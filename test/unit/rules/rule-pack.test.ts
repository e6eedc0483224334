import { describe, expect, test } from 'vitest'
import { InputError } from '../../../job-image/errors.ts'
import { parseRulePack } from '../../../job-image/rules/rule-pack.ts'

function errorOf(work: () => unknown): string {
  try {
    work()
  } catch (thrown) {
    if (thrown instanceof InputError) return thrown.message
    throw thrown
  }
  throw new Error('nothing was refused')
}

describe('a pack that is wrong says where', () => {
  test.each([
    [
      'unknown key',
      'name: p\ncontrols:\n  AC-2:\n    required_all: [a]\n    required_al: [b]\n',
      'p.yaml:5:5: controls.AC-2.required_al: unknown key; did you mean "required_all"?',
    ],
    [
      'unknown section',
      'name: p\ncontrol: {}\n',
      'p.yaml:2:1: control: unknown key; did you mean "controls"?',
    ],
    [
      'empty rule',
      'name: p\nfamilies:\n  AC: { title: Access }\n',
      'p.yaml:3:3: families.AC: requires no evidence, so it would always pass; list types under required_all or required_any',
    ],
    [
      'type listed twice',
      'name: p\ncontrols:\n  AC-2:\n    required_any:\n      - a\n      - b\n      - a\n',
      'p.yaml:7:9: controls.AC-2.required_any.2: "a" is listed twice',
    ],
    [
      'one control in two spellings',
      'name: p\ncontrols:\n  AC-2(1): { required_all: [a] }\n  ac-02.01: { required_all: [b] }\n',
      'p.yaml:4:3: controls.ac-02.01: is the same as "AC-2(1)" above; keep one of them',
    ],
    [
      'one family in two spellings',
      'name: p\nfamilies:\n  AC: { required_all: [a] }\n  ac: { required_all: [b] }\n',
      'p.yaml:4:3: families.ac: is the same as "AC" above; keep one of them',
    ],
    [
      'one key twice',
      'name: p\nfamilies:\n  AC: { required_all: [a] }\n  AC: { required_all: [b] }\n',
      'p.yaml:4:3: this key stands twice in one map; keep one of them',
    ],
    [
      'one prerequisite twice',
      'name: p\nprerequisites:\n  - { control: AC-3, requires: AC-2 }\n  - { control: ac-03, requires: ac-2 }\n',
      'p.yaml:4:5: prerequisites.1: "AC-3 requires AC-2" is listed twice',
    ],
    [
      'not a control',
      'name: p\ncontrols:\n  "AC 2": { required_all: [a] }\n',
      'p.yaml:3:3: controls.AC 2: "AC 2" is not a control id; expected one such as AC-2 or AC-2(1)',
    ],
    [
      'not a family',
      'name: p\nfamilies:\n  AC-2: { required_all: [a] }\n',
      'p.yaml:3:3: families.AC-2: "AC-2" is not a family; expected letters such as AC',
    ],
    [
      'not a control in a prerequisite',
      'name: p\nprerequisites:\n  - { control: AC-3, requires: "?" }\n',
      'p.yaml:3:22: prerequisites.0.requires: "?" is not a control id; expected one such as AC-2 or AC-2(1)',
    ],
    [
      'empty evidence type',
      'name: p\ncontrols:\n  AC-2: { required_all: [""] }\n',
      'p.yaml:3:26: controls.AC-2.required_all.0: must not be empty',
    ],
    [
      'long evidence type',
      `name: p\ncontrols:\n  AC-2: { required_all: [${'x'.repeat(101)}] }\n`,
      'p.yaml:3:26: controls.AC-2.required_all.0: must not be longer than 100 characters',
    ],
    [
      'space around an evidence type',
      'name: p\ncontrols:\n  AC-2: { required_all: ["audit-log "] }\n',
      'p.yaml:3:26: controls.AC-2.required_all.0: must not begin or end with a space',
    ],
    [
      'control character',
      'name: p\ncontrols:\n  AC-2: { required_all: [a], remediation: "x\\0y" }\n',
      'p.yaml:3:30: controls.AC-2.remediation: must not contain control characters, line breaks or half of a surrogate pair',
    ],
    [
      'half of a surrogate pair',
      'name: p\ncontrols:\n  AC-2: { required_all: ["a\\udce9"] }\n',
      'p.yaml:3:26: controls.AC-2.required_all.0: must not contain control characters, line breaks or half of a surrogate pair',
    ],
    [
      'wrong type',
      'name: p\ncontrols:\n  AC-2: { required_all: audit-log }\n',
      'p.yaml:3:11: controls.AC-2.required_all: expected a list, found a text',
    ],
    [
      'evidence type that is no text',
      'name: p\ncontrols:\n  AC-2: { required_all: [12] }\n',
      'p.yaml:3:26: controls.AC-2.required_all.0: expected a text, found a number',
    ],
    [
      'a framework that is none',
      'name: p\nframeworks: [NIST]\n',
      'p.yaml:2:14: frameworks.0: "nist" names no framework; expected one such as nist-800-53-rev5 (see "rapidrmf catalog list")',
    ],
    [
      'one framework twice',
      'name: p\nframeworks: [nist-800-53-rev5, "NIST SP 800-53 Rev. 5"]\n',
      'p.yaml:2:32: frameworks.1: "nist-800-53-rev5" is listed twice',
    ],
    [
      'no framework at all',
      'name: p\nframeworks: []\n',
      'p.yaml:2:1: frameworks: name at least one framework, such as nist-800-53',
    ],
    [
      'one control in two spellings, in one of the frameworks',
      'name: p\nframeworks: [handbook, nist-800-53]\ncontrols:\n  AC-2: { required_all: [a] }\n  AC-02: { required_all: [b] }\n',
      'p.yaml:5:3: controls.AC-02: is the same as "AC-2" above; keep one of them',
    ],
    ['no name', 'controls: {}\n', 'p.yaml:1:1: name: is missing; expected a text'],
  ])('%s', (_, text, message) => {
    const [first, ...others] = errorOf(() => parseRulePack(text, 'p.yaml')).split('\n')
    expect(first).toBe(message)
    expect(others.every((line) => line.startsWith('p.yaml:'))).toBe(true)
  })

  test('all problems of a pack come at once', () => {
    const text = 'name: p\ncontrols:\n  "!": { required_all: [a] }\nfamilies:\n  "1": { required_all: [a] }\n'
    expect(errorOf(() => parseRulePack(text, 'p.yaml')).split('\n')).toHaveLength(2)
  })
})
