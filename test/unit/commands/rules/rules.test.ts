import { dryRun } from 'cmd-ts'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { rulesCommand } from '../../../../job-image/commands/rules/rules.ts'
import { InputError } from '../../../../job-image/errors.ts'
import type { Action } from '../../../../job-image/io.ts'
import { collectOutput } from '../../../support/run-command.ts'

const cwd = mkdtempSync(join(tmpdir(), 'rules-command-'))
afterAll(() => rmSync(cwd, { recursive: true }))

function file(name: string, text: string): string {
  writeFileSync(join(cwd, name), text)
  return name
}

async function rules(...argv: readonly string[]): Promise<{ code: number; out: string }> {
  const parsed = await dryRun(rulesCommand, [...argv])
  if (parsed._tag === 'error') throw new Error(parsed.error)
  const action: Action = parsed.value.value
  const stdout = collectOutput()
  const code = await action({ env: {}, cwd, stdout, stderr: stdout, signal: new AbortController().signal })
  return { code, out: stdout.text }
}

type Json = Record<string, unknown>

const USER = file(
  'user.yaml',
  'name: ours\ncontrols:\n  AC-2(1): { required_all: [hr-export], remediation: Ask HR. }\n',
)

describe('rules explain', () => {
  test('an enhancement takes the rule of its family', async () => {
    expect(await rules('explain', 'AC-2(1)')).toEqual({
      code: 0,
      out: `Control        AC-2.1
Framework      nist-800-53
Rule           family AC (Access Control), from pack nist-800-53-rev5
Why            the control has no rule of its own, so its family's applies; an enhancement does not inherit the rule of AC-2
All of         audit-log
One of         terraform-plan, iam-config, rbac-config, iam-policy
Remediation    Export the identity and access configuration, and ship the access audit log to the evidence store.
Packs in force nist-800-53-rev5 (built-in)
Rows of control_requirements in the database, where a control has them, come before every rule.
`,
    })
  })

  test('a user pack wins', async () => {
    const { out } = await rules('explain', 'ac-02.01', '--rules', USER, '--json')
    expect(JSON.parse(out)).toEqual({
      control: 'AC-2.1',
      framework: 'nist-800-53',
      also_in: [],
      rule: 'AC-2.1',
      why: 'the control has a rule of its own',
      title: 'AC-2.1',
      pack: 'ours',
      required_all: ['hr-export'],
      required_any: [],
      prerequisites: [],
      remediation: 'Ask HR.',
      packs: ['nist-800-53-rev5', 'ours'],
    })
  })

  test('no rule is an answer', async () => {
    const { code, out } = await rules('explain', 'ZZ-1')
    expect(code).toBe(0)
    expect(out).toContain(
      'Why            the control has no rule of its own and neither has family ZZ: its status is always unknown\n',
    )
    expect((await rules('explain', 's1.1.1')).out).toContain(
      'and its id names no family: its status is always unknown',
    )
  })

  test('a control of another framework has the rules of packs that are for it', async () => {
    const ism = file(
      'ism.yaml',
      'name: ism\nframeworks: [ism]\ncontrols: { ISM-0445: { required_all: [a] }, AC-2: { required_all: [b] } }\n',
    )
    const explain = async (...argv: string[]) =>
      JSON.parse((await rules('explain', ...argv, '--rules', ism, '--json')).out) as Json
    expect(await explain('AC-2', '--framework', 'NIST SP 800-171')).toMatchObject({
      framework: 'nist-sp-800-171',
      rule: null,
      why: 'no rule pack is for the framework nist-sp-800-171: the status of its controls is always unknown',
      also_in: ['nist-800-53', 'ism'],
    })
    expect(await explain('AC-2')).toMatchObject({ framework: 'nist-800-53', also_in: ['ism'] })
    expect(await explain('AC-2', '--framework', 'nist-800-53-rev4')).toMatchObject({
      pack: 'nist-800-53-rev5',
      also_in: ['ism'],
    })
    expect(await explain('ism-0445')).toMatchObject({
      control: 'ISM-0445',
      framework: 'ism',
      rule: 'ISM-0445',
    })
    const { out } = await rules('explain', 'AC-2', '--rules', ism)
    expect(out).toContain('\nAlso a rule in ism\n')
  })

  test('what is no id is refused', async () => {
    await expect(rules('explain', 'AC 2')).rejects.toThrow(
      new InputError('"AC 2" is not a control id; expected one such as AC-2, AC-2(1) or ac-2.1'),
    )
  })
})

describe('rules list', () => {
  test('shows families, controls and what they need', async () => {
    const { code, out } = await rules('list', '--rules', USER)
    expect(code).toBe(0)
    expect(out).toMatch(/family SR .* sbom /)
    expect(out).toMatch(
      / AC-3 .* iam-policy, rbac-config .* AC-1 \(advisory\), AC-2 \(blocking\) .* nist-800-53-rev5 /,
    )
    expect(out).toMatch(/ AC-2\.1 .* hr-export .* ours /)
  })

  test('says which packs are in force', async () => {
    const { out } = await rules('list', '--rules', USER)
    expect(out).toMatch(
      /\nPacks in force, later ones win: nist-800-53-rev5 \(built-in\), ours \(user\.yaml\)\n$/,
    )
  })

  test('takes the packs of the configuration, and then those that are given', async () => {
    file(
      'theirs.yaml',
      'name: theirs\ncontrols: { AC-2.1: { required_all: [a] }, AC-4: { required_all: [b] } }\n',
    )
    const config = file('site.yaml', 'environments: { production: {} }\nrule_packs: [theirs.yaml]\n')
    const inForce = async (...argv: string[]) => JSON.parse((await rules(...argv, '--json')).out) as Json
    expect((await inForce('list', '--config', config, '--rules', USER)).packs).toEqual([
      'nist-800-53-rev5',
      'theirs',
      'ours',
    ])
    expect(await inForce('explain', 'AC-4', '--config', config)).toMatchObject({ pack: 'theirs' })
    expect(await inForce('explain', 'AC-2.1', '--config', config, '--rules', USER)).toMatchObject({
      pack: 'ours',
    })
  })

  test('a configuration that is named must exist', async () => {
    await expect(rules('list', '--config', 'absent.yaml')).rejects.toThrow('no such file')
  })

  test('prints JSON', async () => {
    const { packs, digest, rules: list } = JSON.parse((await rules('list', '--json', '--rules', USER)).out)
    expect(packs).toEqual(['nist-800-53-rev5', 'ours'])
    expect(digest).toMatch(/^[0-9a-f]{64}$/)
    // 20 families, 15 controls with a rule, and 7 that only have prerequisites.
    expect(list).toHaveLength(42)
    expect(list[20]).toMatchObject({ applies_to: 'AC-2', rule: 'AC-2', required_all: ['audit-log'] })
  })
})

describe('rules lint', () => {
  test('says what a good pack holds', async () => {
    expect(await rules('lint', USER)).toEqual({
      code: 0,
      out: `${join(cwd, USER)}: OK (for nist-800-53, controls: 1, families: 0, prerequisites: 0)\n`,
    })
  })

  test('tells all problems of all files, also those that show only together', async () => {
    const cycle = file('cycle.yaml', 'name: c\nprerequisites:\n  - { control: AC-1, requires: AC-3 }\n')
    const empty = file('empty.yaml', 'name: e\ncontrols: { AC-4: {} }\n')
    await expect(rules('lint', cycle, empty, USER, 'absent.yaml')).rejects.toThrow(
      new InputError([
        {
          message:
            'controls.AC-4: requires no evidence, so it would always pass; list types under required_all or required_any',
          file: join(cwd, empty),
          line: 2,
          column: 13,
        },
        { message: 'cannot read this rule pack: no such file', file: join(cwd, 'absent.yaml') },
        {
          message: 'prerequisites.0: prerequisites form a cycle: AC-1 → AC-3 → AC-1; remove one of these',
          file: join(cwd, cycle),
          line: 3,
          column: 5,
        },
      ]),
    )
  })

  test('prints JSON, also of what is wrong', async () => {
    const empty = file('empty.yaml', 'name: e\ncontrols: { AC-4: {} }\n')
    const { code, out } = await rules('lint', USER, empty, '--json')
    expect(code).toBe(2)
    expect(JSON.parse(out)).toEqual({
      packs: [
        {
          name: 'ours',
          title: 'ours',
          file: join(cwd, USER),
          frameworks: ['nist-800-53'],
          controls: 1,
          families: 0,
          prerequisites: 0,
        },
      ],
      problems: [expect.objectContaining({ file: join(cwd, empty), line: 2, column: 13 })],
    })
    expect((await rules('lint', USER, '--json')).code).toBe(0)
  })

  test('needs a file', async () => {
    await expect(rules('lint')).rejects.toThrow('name the rule packs to check: rapidrmf rules lint FILE…')
  })
})
