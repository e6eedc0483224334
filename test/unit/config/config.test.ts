import { chmodSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import {
  catalogFrameworks,
  catalogPath,
  configDigest,
  environmentOf,
  loadConfig,
  parseConfig,
  rulePackPaths,
} from '../../../job-image/config/config.ts'
import type { Config } from '../../../job-image/config/config.ts'
import { createFolder } from '../../support/run-command.ts'

const parse = (text: string, env: Record<string, string> = {}): Config =>
  parseConfig(text, 'etc/config.yaml', env)

/** What is said of a bad configuration, without the file's name. */
function refusal(text: string): string[] {
  try {
    parse(text)
  } catch (error) {
    return (error as Error).message.split('\n').map((line) => line.replace('etc/config.yaml', ''))
  }
  throw new Error('the configuration was accepted')
}

const SEED = `
environments:
  production:
    description: "Production environment"
    database_url: "postgresql+asyncpg://user:pass@localhost:5432/rapidrmf"
    storage:
      type: "minio"
      endpoint: "s3.example.com"
      bucket: "evidence-prod"

catalogs:
  nist-800-53-rev5:
    path: "catalogs/NIST_SP-800-53_rev5_catalog.json"
`

describe('a good configuration', () => {
  test("RapidRMF's own example works unchanged", () => {
    const config = parse(SEED)
    expect(environmentOf(config, 'production')).toMatchObject({
      description: 'Production environment',
      databaseUrl: { text: 'postgresql+asyncpg://user:pass@localhost:5432/rapidrmf' },
      storage: { type: 'minio', endpoint: 's3.example.com', bucket: 'evidence-prod' },
    })
    expect(catalogPath(config, 'nist-800-53-rev5')).toBe('etc/catalogs/NIST_SP-800-53_rev5_catalog.json')
  })

  test('other keys of RapidRMF, JSON, merge keys, a byte order mark and Windows line ends are accepted', () => {
    const other = parse(
      'version: 1\norganization: {name: x}\nci: []\npolicy: null\nstaging_dir: /x\nstorage: 1\nenvironments: {a: }',
    )
    expect(other.other).toMatchObject({ version: 1, organization: { name: 'x' }, staging_dir: '/x' })
    expect(environmentOf(other, 'a')).toMatchObject({ description: null, databaseUrl: undefined })
    expect(parse('{"environments": {"a": {"database_url": null}}}').environments.size).toBe(1)
    expect(parse('\uFEFFenvironments:\r\n  a:\r\n    storage: x\r\n').environments.get('a')?.storage).toBe(
      'x',
    )
    const merged = parse('environments:\n  a: &a {description: d}\n  b: {<<: *a, storage: {}}')
    expect(environmentOf(merged, 'b').description).toBe('d')
  })

  test('a catalog is found in every spelling of its name, as a map or a plain path', () => {
    const config = parse('environments: {a: }\ncatalogs:\n  nist_800_53: a.json\n  other: {path: /b.json}')
    expect(catalogPath(config, 'NIST-800-53')).toBe('etc/a.json')
    expect(catalogPath(config, 'other')).toBe('/b.json')
    expect(() => catalogPath(config, 'nist-800-35')).toThrow(
      'etc/config.yaml: there is no catalog "nist-800-35" here; did you mean "nist-800-53"?',
    )
  })

  test('the framework of a catalog may be named, also of one that is only in the database', () => {
    const config = parse(
      'environments: {a: }\ncatalogs:\n  nist_r5: {path: a.json, framework: NIST SP 800-53 Rev. 5}\n  Mine: {framework: mine}\n  other: b.json',
    )
    expect([...catalogFrameworks(config)]).toEqual([
      ['nistr5', 'NIST SP 800-53 Rev. 5'],
      ['mine', 'mine'],
    ])
    expect(() => catalogPath(config, 'mine')).toThrow(
      'catalogs.Mine has no path; write the one to import it from',
    )
    // It decides on the rules, so workers of one run must have it in common.
    const without = parse('environments: {a: }')
    expect(configDigest(config, 'a')).not.toBe(configDigest(without, 'a'))
  })

  test('variables are put in when a value is used; $${ is no variable', () => {
    const text =
      'environments: {a: }\nrule_packs: ["${DIR}/a.yaml", "${NONE:-x}/$${b}.yaml", "${EMPTY:-y}/${EMPTY}c"]'
    expect(rulePackPaths(parse(text, { DIR: '/d', EMPTY: '' }))).toEqual([
      '/d/a.yaml',
      'etc/x/${b}.yaml',
      'etc/y/c',
    ])
    expect(() => rulePackPaths(parse(text))).toThrow(
      'etc/config.yaml:2:14: rule_packs.0: the environment variable DIR is not set; set it, or write ${DIR:-default}',
    )
    expect(() => rulePackPaths(parse(text, { DIR: '/d' }))).toThrow(
      'rule_packs.2: the environment variable EMPTY',
    )
  })

  test('the digest depends on the environment and on nothing secret', () => {
    const digest = configDigest(parse(SEED), 'production')
    expect(digest).toMatch(/^[0-9a-f]{64}$/)
    expect(
      configDigest(parse(SEED.replace('user:pass@localhost', 'other:word@elsewhere')), 'production'),
    ).toBe(digest)
    expect(configDigest(parse('environments: {staging: }'), 'staging')).not.toBe(digest)
  })

  test('an unknown environment names the nearest one, or all', () => {
    const config = parse('environments: {production: , staging: }')
    expect(() => environmentOf(config, 'prodution')).toThrow(
      'etc/config.yaml: there is no environment "prodution" here; did you mean "production"?',
    )
    expect(() => environmentOf(config, 'x\n')).toThrow('"x\\n" here; known here: production, staging')
    expect(() => environmentOf(config, 'constructor')).toThrow('no environment')
  })
})

describe('a bad configuration', () => {
  const cases: [what: string, text: string, ...said: string[]][] = [
    ['empty', '', ': expected a map with the key environments'],
    ['a list', '[]', ':1:1: expected a map with the key environments'],
    ['a text', 'hello', ':1:1: expected a map with the key environments'],
    [
      'no environments',
      'version: 1',
      ':1:1: environments: expected a map from environment names to their settings',
    ],
    [
      'null environments',
      'environments:',
      ':1:1: environments: expected a map from environment names to their settings',
    ],
    ['empty environments', 'environments: {}', ':1:1: environments: holds no environment'],
    [
      'an environment that is a text',
      'environments:\n  a: x',
      ':2:3: environments.a: expected a map with description, database_url, selection and storage, all optional',
    ],
    ['tabs', 'environments:\n\ta: x', ':2:1: Tabs are not allowed as indentation'],
    [
      'the same key twice',
      'environments:\n  a: {}\n  a: {}',
      ':3:3: this key stands twice in one map; keep one of them',
    ],
    [
      'misspelt keys',
      'environments:\n  a:\n    databse_url: x\ncatalog: {}',
      ':3:5: environments.a.databse_url: unknown key; did you mean "database_url"?',
      ':4:1: catalog: unknown key; did you mean "catalogs"?',
    ],
    [
      'a key that is like no other',
      'environments:\n  a:\n    xyzzy: 1',
      ':3:5: environments.a.xyzzy: unknown key; known here: description, database_url, selection, storage',
    ],
    [
      'wrong types',
      'environments:\n  a:\n    description: []\n    database_url: 1\ncatalogs:\n  b: 1\n  c: {pth: x}\n  d: ""\nrule_packs: x',
      ':3:5: environments.a.description: expected a text, found a list',
      ':4:5: environments.a.database_url: expected a text, found a number',
      ':6:3: catalogs.b: expected a path, or a map with the keys path and framework',
      ':7:7: catalogs.c.pth: unknown key; did you mean "path"?',
      ':7:3: catalogs.c: needs a path to import it from, or the framework of a catalog in the database',
      ':8:3: catalogs.d.path: must not be empty',
      ':9:1: rule_packs: expected a list of paths',
    ],
    [
      'two spellings of one catalog',
      'environments: {a: }\ncatalogs:\n  nist_800_53: x\n  nist-800-53: y',
      ':4:3: catalogs.nist-800-53: is the same catalog as "nist_800_53" above ("-" and "_" are one); keep one of them',
    ],
    [
      'a broken reference',
      'environments:\n  a:\n    database_url: postgresql://u:pa${ss@h/d',
      ':3:5: environments.a.database_url: a "${" that is not ${NAME} or ${NAME:-default}; write "$${" for the characters themselves',
    ],
    [
      'names that cannot be stored',
      `environments:\n  ${'é'.repeat(51)}: {}\n  ' a': {}\n  "b\\n": {}`,
      `:2:3: environments.${'é'.repeat(51)}: this name has 51 characters; at most 50 can be stored`,
      ':3:3: environments. a: a name must not be empty, nor begin or end with a space',
      ':4:3: environments.b',
      ': a name must not be empty, nor begin or end with a space',
    ],
    [
      'a name that the libraries drop',
      'environments:\n  a: {}\n  __proto__: {}',
      ':3:3: this key cannot be used',
    ],
    [
      'two documents',
      'environments: {a: }\n---\nx: 1',
      ':2:1: a second document begins here (---); keep one per file',
    ],
  ]

  test.each(cases)('%s', (_, text, ...said) => {
    expect(refusal(text)).toEqual(said)
  })

  test('50 characters outside the basic plane are 50 characters', () => {
    expect(parse(`environments: {${'😀'.repeat(50)}: }`).environments.size).toBe(1)
  })

  const leaks = [
    '"x" hunter2',
    '*hunter2',
    '!hunter2',
    '!hunter2 x',
    '@hunter2',
    '%hunter2',
    '"hunter2',
    '[hunter2',
    '&a hunter2 hunter2: *b',
  ]
  test.each(leaks)('a syntax error quotes no value: %s', (value) => {
    const said = refusal(`environments:\n  a:\n    database_url: ${value}\n`).join('\n')
    expect(said).toMatch(/^:\d+:\d+: /)
    expect(said).not.toContain('hunter2')
  })
})

describe('a file that cannot be read', () => {
  const folder = createFolder()
  const load = (name: string): Config => loadConfig(join(folder.path, name), {})

  test('says what it is', () => {
    expect(() => load('none.yaml')).toThrow(/none\.yaml: cannot read this configuration: no such file$/)
    expect(() => load('.')).toThrow(/cannot read this configuration: it is a directory$/)
    expect(() => load(folder.write('bin', Buffer.from([0x7f, 0x45, 0x4c, 0x46, 0, 0xff])))).toThrow(
      /not UTF-8 text$/,
    )
    expect(() => load(folder.write('utf16', Buffer.from('environments: {a: }', 'utf16le')))).toThrow(
      /not UTF-8 text$/,
    )
  })

  test.skipIf(process.getuid?.() === 0)('without the permission', () => {
    folder.write('locked.yaml', 'environments: {a: }')
    chmodSync(join(folder.path, 'locked.yaml'), 0)
    expect(() => load('locked.yaml')).toThrow(/permission denied$/)
  })
})
