import { describe, expect, test } from 'vitest'
import { InputError } from '../../../job-image/errors.ts'
import { parseRulePack } from '../../../job-image/rules/rule-pack.ts'
import { findRule, mergePacks, rulesFor } from '../../../job-image/rules/rule-set.ts'
import type { FrameworkRules, RuleSet } from '../../../job-image/rules/rule-set.ts'

function errorOf(work: () => unknown): string {
  try {
    work()
  } catch (thrown) {
    if (thrown instanceof InputError) return thrown.message
    throw thrown
  }
  throw new Error('nothing was refused')
}

/** Each text a pack, in the order of merging: 1.yaml, 2.yaml … */
function merge(...texts: readonly string[]): RuleSet {
  return mergePacks(texts.map((text, index) => parseRulePack(text, `${index + 1}.yaml`)))
}

/** What packs that name no framework say of NIST SP 800-53. */
function nistRules(...texts: readonly string[]): FrameworkRules {
  return rulesFor(merge(...texts), 'nist-800-53-rev5')!
}

describe('prerequisites that go round', () => {
  test('in one pack: the path, at the edge added last', () => {
    const text = `name: p
prerequisites:
  - { control: AC-3, requires: AC-2 }
  - { control: AC-2, requires: AC-1, blocking: false }
  - { control: AC-1, requires: AC-3 }
  - { control: AC-7, requires: AC-3 }
`
    expect(errorOf(() => merge(text))).toBe(
      '1.yaml:5:5: prerequisites.2: prerequisites form a cycle: AC-1 → AC-3 → AC-2 → AC-1; remove one of these',
    )
  })

  test('over two packs that are good by themselves: at the edge of the later one', () => {
    const first = 'name: a\nprerequisites:\n  - { control: AC-3, requires: AC-2 }\n'
    const second = 'name: b\nprerequisites:\n\n  - { control: ac-2, requires: ac-03, blocking: false }\n'
    expect(errorOf(() => merge(first, second))).toBe(
      '2.yaml:4:5: prerequisites.0: prerequisites form a cycle: AC-2 → AC-3 → AC-2; remove one of these',
    )
  })

  test('a control that needs itself', () => {
    const text = 'name: a\nprerequisites: [{ control: AC-3, requires: ac-03 }]\n'
    expect(errorOf(() => merge(text))).toMatch(/^1\.yaml:2:17: .* AC-3 → AC-3;/)
  })

  test('a very long chain is no cycle and no stack overflow', () => {
    const edges = Array.from({ length: 12_000 }, (_, n) => `  - { control: X-${n + 1}, requires: X-${n} }\n`)
    const rules = nistRules(`name: a\nprerequisites:\n${edges.join('')}`)
    expect([rules.order[0], rules.order.at(-1)]).toEqual(['x-0', 'x-12000'])
  })
})

describe('frameworks', () => {
  const nist =
    'name: nist\nfamilies: { AC: { required_all: [a] } }\ncontrols: { AC-2: { required_all: [b] } }\n'
  const rev5 = 'name: rev5\nframeworks: [nist-800-53-rev5]\ncontrols: { AC-2: { required_all: [c] } }\n'
  const ism =
    'name: ism\nframeworks: [Information Security Manual]\ncontrols: { ism-0445: { required_all: [d] } }\n'
  const rules = merge(nist, rev5, ism)
  const typesOf = (framework: string | undefined, id: string): readonly string[] | undefined => {
    const own = rulesFor(rules, framework)
    return own && findRule(own, id)?.rule.requiredAll
  }

  test.each<[string | undefined, string, readonly string[] | undefined]>([
    ['nist-800-53', 'ac-2', ['b']],
    ['nist-800-53-rev4', 'ac-2', ['b']],
    ['nist-800-53-rev5', 'ac-2', ['c']],
    ['nist-800-53-rev5', 'ac-3', ['a']],
    ['information-security-manual', 'ism-0445', ['d']],
    ['information-security-manual', 'ism-445', undefined],
    ['information-security-manual', 'ac-2', undefined],
    ['nist-sp-800-171', 'ac-2', undefined],
    ['nist-800-53x', 'ac-2', undefined],
    [undefined, 'ac-2', undefined],
  ])('the rule of %s for %s asks for %j', (framework, id, types) => {
    expect(typesOf(framework, id)).toEqual(types)
  })

  test('prerequisites of one framework close no cycle with those of another', () => {
    const edge = (framework: string, control: string, requires: string): string =>
      `name: ${framework}\nframeworks: [${framework}]\nprerequisites: [{ control: ${control}, requires: ${requires} }]\n`
    expect(() => merge(edge('a1', 'X-1', 'X-2'), edge('b1', 'X-2', 'X-1'))).not.toThrow()
    expect(errorOf(() => merge(edge('a1', 'X-1', 'X-2'), edge('a1', 'X-2', 'X-1')))).toContain('form a cycle')
    // Revision 5 has the prerequisites of all revisions and its own.
    const both = [edge('nist-800-53', 'AC-1', 'AC-2'), edge('nist-800-53-rev5', 'AC-2', 'ac-01')]
    expect(errorOf(() => merge(...both))).toContain('form a cycle')
  })
})

describe('merging', () => {
  const base = `name: base
families: { AC: { required_all: [a], remediation: Base. } }
controls: { AC-2: { required_all: [b] } }
prerequisites: [{ control: AC-3, requires: AC-2 }]
`

  test('later packs replace whole rules and single prerequisites, and add what is new', () => {
    const user = `name: user
families: { ac: { required_any: [c] }, zz: { required_any: [d] } }
controls: { ac-02: { required_any: [e] }, AC-2(1): { required_any: [f] } }
prerequisites: [{ control: ac-3, requires: AC-2, blocking: false }, { control: AC-4, requires: AC-2 }]
`
    const rules = nistRules(base, user)
    const found = ['ac-2', 'ac-2.1', 'ac-2.2', 'zz-1'].map((id) => findRule(rules, id))
    expect(
      found.map((each) => [each?.scope, each?.key, each?.rule.requiredAny, each?.rule.requiredAll]),
    ).toEqual([
      ['control', 'AC-2', ['e'], []],
      ['control', 'AC-2.1', ['f'], []],
      ['family', 'AC', ['c'], []],
      ['family', 'ZZ', ['d'], []],
    ])
    expect(found.map((each) => `${each?.rule.pack} ${each?.rule.remediation}`)).toEqual(
      Array(4).fill('user null'),
    )
    expect(rules.prerequisites).toEqual([
      { control: 'ac-3', requires: 'ac-2', blocking: false, pack: 'user' },
      { control: 'ac-4', requires: 'ac-2', blocking: true, pack: 'user' },
    ])
    expect(merge(base, user).packs).toEqual(['base', 'user'])
  })

  test('names of JavaScript are no rules', () => {
    expect(findRule(nistRules(base), 'constructor')).toBeUndefined()
    expect(findRule(nistRules(base), 'x-1')).toBeUndefined()
  })

  describe('the digest', () => {
    const { digest } = merge(base)

    test('is that of the meaning: not of titles, names, spelling or the order of keys', () => {
      const same = `prerequisites: [{ requires: ac-02, control: ac-3, blocking: true }]
controls: { ac-02: { title: Accounts, required_all: [b] } }
families: { ac: { remediation: Base., required_all: [a] } }
name: other
`
      expect(digest).toMatch(/^[0-9a-f]{64}$/)
      expect(merge(same).digest).toBe(digest)
      expect(merge(base, 'name: empty\n').digest).toBe(digest)
    })

    test.each([
      ['a type', base.replace('[b]', '[c]')],
      ['the list that a type is in', base.replace('required_all: [b]', 'required_any: [b]')],
      ['the order of types', base.replace('[b]', '[b, a]')],
      ['a remediation', base.replace('Base.', 'Other.')],
      ['whether a prerequisite blocks', base.replace('AC-2 }]', 'AC-2, blocking: false }]')],
      ['a control', base.replace('AC-2:', 'AC-5:')],
      ['a framework', base.replace('name: base', 'name: base\nframeworks: [nist-800-53-rev5]')],
    ])('changes with %s', (_, text) => {
      expect(text).not.toBe(base)
      expect(merge(text).digest).not.toBe(digest)
    })
  })
})
