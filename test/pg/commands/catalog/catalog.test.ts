import { basename } from 'node:path'
import { readdirSync } from 'node:fs'
import { beforeEach, describe, expect, test } from 'vitest'
import { stringify } from 'yaml'
import { catalogCommand } from '../../../../job-image/commands/catalog/catalog.ts'
import { createDatabase } from '../../../support/database.ts'
import { createFolder, runCommand } from '../../../support/run-command.ts'
import type { Ran } from '../../../support/run-command.ts'
import { OSCAL_DATA, oscalFile } from '../../../unit/oscal/data.ts'
import { LETTERS, catalog, profile } from '../../../unit/oscal/fixtures/documents.ts'

const { client, url } = await createDatabase()
const folder = createFolder()

const UUID = '449ce77c-24d3-4740-b0bd-1b37239437ff'
const REFERENCE = profile([{ href: `#${UUID}`, 'include-controls': [{ 'with-ids': ['ac-2'] }] }])

folder.write('letters.json', JSON.stringify(LETTERS))
folder.write('letters.yaml', stringify(LETTERS))
folder.write('mine.json', JSON.stringify(REFERENCE))
folder.write('self.json', JSON.stringify(profile([{ href: 'self.json', 'include-all': {} }])))
folder.write('open.json', JSON.stringify(profile([{ href: 'letters.json' }])))
folder.write(
  'both.json',
  JSON.stringify(
    profile([{ href: 'letters.json', 'include-all': {} }], { merge: { flat: {}, 'as-is': true } }),
  ),
)
folder.write(
  'unknown.json',
  JSON.stringify(profile([{ href: 'letters.json', 'include-controls': [{ 'with-ids': ['a9'] }] }])),
)
folder.write('cut.json', JSON.stringify(LETTERS).slice(0, 400))
folder.write('two.json', JSON.stringify(LETTERS).replace('1.1.2', '2.0.0'))
folder.write('long.json', JSON.stringify(LETTERS).replace('"c2"', `"${'x'.repeat(51)}"`))
folder.write('ssp.json', '{"system-security-plan": {}}')

beforeEach(async () => {
  await client.query('TRUNCATE controls, catalogs, baselines RESTART IDENTITY CASCADE')
})

function run(...argv: string[]): Promise<Ran> {
  return runCommand(catalogCommand, argv, { cwd: folder.path, env: { DATABASE_URL: url } })
}

async function list(): Promise<{
  catalogs: Record<string, unknown>[]
  baselines: Record<string, unknown>[]
}> {
  const { out } = await run('list', '--json')
  return JSON.parse(out) as { catalogs: Record<string, unknown>[]; baselines: Record<string, unknown>[] }
}

test('imports the built-in catalog, in any spelling of its name', async () => {
  const { code, out } = await run('import', '--builtin', 'NIST_SP-800-53_rev5', '--json')
  expect(code).toBe(0)
  const { imports, warnings, dry_run } = JSON.parse(out) as Record<string, Record<string, unknown>[]>
  expect([warnings, dry_run]).toEqual([[], false])
  expect(imports).toHaveLength(5)
  expect(imports?.[0]).toEqual({
    kind: 'catalog',
    name: 'nist-800-53-rev5',
    title: 'NIST SP 800-53 Rev. 5: Security and Privacy Controls for Information Systems and Organizations',
    version: '5.1.1-draft',
    framework: 'nist-800-53-rev5',
    source: 'builtin:nist-800-53-rev5',
    controls: 1189,
    withdrawn: 182,
    added: 1189,
    changed: 0,
    removed: 0,
    unchanged: 0,
    removed_ids: [],
    missing: [],
    needs_confirmation: false,
  })
})

test('imports JSON and YAML alike, and several files at once', async () => {
  expect(await run('import', 'letters.json')).toMatchObject({ code: 0, err: '' })
  const again = await run('import', 'letters.yaml', '--name', 'LETTERS', '--json')
  expect(JSON.parse(again.out)).toMatchObject({
    imports: [{ name: 'letters', added: 0, changed: 0, unchanged: 11 }],
  })
  expect(
    await run('import', 'letters.json', 'mine.json', '--map', `${UUID}=builtin:nist-800-53-rev5`),
  ).toMatchObject({
    code: 0,
    err: expect.stringContaining(
      'baseline "mine": 1 of 1 control is in no catalog of nist-800-53-rev5 here (AC-2)',
    ) as string,
  })
  expect(await list()).toMatchObject({
    catalogs: [{ name: 'letters', controls: 11, source: 'letters.json' }],
    baselines: [{ name: 'mine', controls: 1, framework: 'nist-800-53-rev5' }],
  })
})

test('a title that its column cannot hold is cut, which one line says for all of them', async () => {
  const titles = JSON.stringify(LETTERS).replaceAll(/Control ([bc]\d)/g, `$1 ${'x'.repeat(253)}`)
  folder.write('titles.json', titles)
  const said =
    'titles.json: 8 controls (the first is B1): the title is longer than controls.title (255 characters) and was cut; the attribute full_title has all of it'
  expect(await run('import', 'titles.json', '--framework', 'letters')).toMatchObject({
    code: 0,
    err: `warning: ${said}\n`,
  })
  const again = JSON.parse((await run('import', 'titles.json', '--json')).out) as Record<string, unknown>
  expect(again).toMatchObject({ imports: [{ added: 0, changed: 0 }], warnings: [said] })
})

test('names the built-in catalog only to a baseline of it', async () => {
  const other = profile([{ href: 'letters.json', 'include-controls': [{ 'with-ids': ['a1'] }] }])
  folder.write('other.json', JSON.stringify(other))
  const map = `${UUID}=builtin:nist-800-53-rev5`
  const { err } = await run('import', 'other.json')
  expect(err).toMatch(
    /baseline "other": 1 of 1 control is in no catalog of letters here \(A1\); import their catalog too\n/,
  )
  const nist = await run('import', 'mine.json', '--map', map)
  expect(nist.err).toContain('import their catalog too, for example --builtin nist-800-53-rev5\n')
})

test('a dry run says so and stores nothing', async () => {
  const { out } = await run('import', 'letters.json', '--dry-run')
  expect(out).toMatch(/letters .* 11 [^]*Dry run: nothing was changed\.\n$/)
  expect(await list()).toEqual({ catalogs: [], baselines: [] })
})

test('the list for people says how to begin, then what is there', async () => {
  expect((await run('list')).out).toBe(
    'No catalogs yet. Import one: rapidrmf catalog import --builtin nist-800-53-rev5\n',
  )
  await run('import', '--builtin', 'nist-800-53-rev5')
  expect((await run('list')).out).toMatch(
    /nist-800-53-rev5 .* 1189 .* 1007 .* 182 [^]*nist-800-53-rev5-privacy .* 96 /,
  )
})

test('the list has the framework as it is stored, and what it was recognised as where that differs', async () => {
  await run('import', 'letters.json', '--framework', 'letters')
  await client.query(`
    INSERT INTO catalogs (name, title, framework, loaded_at, attributes)
    VALUES ('nist', 'NIST SP 800-53 Rev. 5', 'NIST', '2026-01-01', '{}')`)
  expect((await list()).catalogs).toMatchObject([
    {
      name: 'letters',
      framework: 'letters',
      identified_as: 'letters',
      loaded_at: expect.any(String) as string,
    },
    { name: 'nist', framework: 'NIST', identified_as: 'nist-800-53-rev5' },
  ])
  const { out } = await run('list', '-o', 'wide')
  expect(out).toMatch(/letters +│ letters +│/)
  expect(out).toMatch(/nist +│ NIST \(nist-800-53-rev5\) +│/)
})

test('a warning names the first five controls that no catalog has', async () => {
  const missing = async (count: number): Promise<string> => {
    const ids = ['a1', 'a2', 'a3', 'b1', 'b2', 'b3'].slice(0, count)
    folder.write(
      'some.json',
      JSON.stringify(profile([{ href: 'letters.json', 'include-controls': [{ 'with-ids': ids }] }])),
    )
    return (await run('import', 'some.json')).err
  }
  expect(await missing(5)).toContain(
    '5 of 5 controls are in no catalog of letters here (A1, A2, A3, B1, B2);',
  )
  expect(await missing(6)).toContain(
    '6 of 6 controls are in no catalog of letters here (A1, A2, A3, B1, B2, …);',
  )
})

describe('bad input ends with exit code 2 and leaves the database as it was', () => {
  test.each([
    [['nowhere.json'], /nowhere\.json: cannot read this OSCAL document: no such file/],
    [['cut.json'], /cut\.json:1:401: the JSON ends in the middle/],
    [['two.json'], /two\.json: metadata\.oscal-version is "2\.0\.0": only OSCAL 1\.x/],
    [['ssp.json'], /ssp\.json: not an OSCAL catalog or profile/],
    [['self.json'], /self\.json: .*circular import: self\.json -> self\.json/],
    [['open.json'], /open\.json: imports\[0\]: has neither include-all nor include-controls/],
    [['both.json'], /both\.json: merge: has flat and as-is/],
    [['unknown.json'], /unknown\.json: .*control "a9" is not in letters\.json/],
    [['mine.json'], /mine\.json: imports\[0\]: href "#449ce77c.* --map 449ce77c/],
    [['long.json'], /long\.json: control "x+": its id has more than 50 characters/],
    [['letters.json', 'cut.json'], /cut\.json/],
    [['letters.json', 'letters.yaml'], /would be stored as the catalog "letters", as would letters\.json/],
    [['letters.json', 'mine.json', '--name', 'x'], /--name is the name of one import/],
    [
      ['letters.json', '--name', 'x'.repeat(101)],
      /name does not fit catalogs\.name: 101 characters, at most 100/,
    ],
    [['mine.json', '--map', UUID], /--map 449ce77c.*: expected UUID_OR_HREF=FILE/],
    [['mine.json', '--map', `${UUID}=a`, '--map', `${UUID}=b`], /is given twice/],
    [['mine.json', '--map', `${UUID}=builtin:iso`], /there is no "builtin:iso"/],
    [['--builtin', 'iso-27001'], /there is no built-in catalog "iso-27001"; known: nist-800-53-rev5/],
    [[], /nothing to import: give a file, or --builtin nist-800-53-rev5/],
  ])('%j', async (argv, message) => {
    const { code, out, err } = await run('import', ...argv)
    expect({ code, out }).toEqual({ code: 2, out: '' })
    expect(err).toMatch(message)
    expect(await list()).toEqual({ catalogs: [], baselines: [] })
  })

  test('a database without the tables', async () => {
    const empty = await createDatabase('empty')
    const env = { DATABASE_URL: empty.url }
    const { code, err } = await runCommand(catalogCommand, ['list'], { cwd: folder.path, env })
    expect([code, err]).toEqual([2, expect.stringContaining('rapidrmf db migrate')])
  })
})

describe('the catalogs of the configuration', () => {
  test('are imported under the names it gives them, from its own folder', async () => {
    folder.write(
      'conf/oscal/c.json',
      JSON.stringify(catalog({ ac: ['ac-2'] }, 'NIST SP 800-53 Rev 5 Controls')),
    )
    folder.write(
      'conf/config.yaml',
      `environments: {production: {}}\ncatalogs:\n  nist_800_53_rev5: {path: oscal/c.json}\n  letters: {path: ../letters.json}\n`,
    )
    expect(await run('import', '--config', 'conf/config.yaml')).toMatchObject({ code: 0, err: '' })
    expect((await list()).catalogs).toMatchObject([
      { name: 'letters', controls: 11 },
      { name: 'nist_800_53_rev5', framework: 'nist-800-53-rev5', controls: 1 },
    ])
  })

  test('must exist', async () => {
    folder.write('bare.yaml', 'environments: {production: {}}\n')
    const { code, err } = await run('import', '--config', 'bare.yaml')
    expect([code, err]).toEqual([2, expect.stringContaining('bare.yaml has no catalogs')])
  })
})

describe.skipIf(OSCAL_DATA === undefined)('published files (RAPIDRMF_OSCAL_DATA)', () => {
  const MAP = ['84cbf061-eb87-4ec1-8112-1f529232e907', '051a77c1-b61d-4995-8275-dacfe688d510'].flatMap(
    (uuid) => ['--map', `${uuid}=builtin:nist-800-53-rev5`],
  )

  test('the whole catalog equals the built-in one; every profile and resolved catalog is stored', async () => {
    await run('import', '--builtin', 'nist-800-53-rev5')
    const files = ['nist-800-53-rev5', 'fedramp-rev5', 'examples']
      .flatMap((part) => readdirSync(oscalFile(part)).map((name) => oscalFile(part, name)))
      .filter((file) => /profile|catalog/.test(basename(file)))
    expect(files).toHaveLength(19)
    for (const file of files) {
      const { code, err, out } = await run('import', file, ...MAP, '--json')
      expect([code, err]).toEqual([0, ''])
      expect(JSON.parse(out)).toMatchObject({ warnings: [] })
    }
    const { catalogs, baselines } = await list()
    expect(catalogs.map(({ name, controls, active }) => [name, controls, active])).toEqual([
      ['basic', 4, 4],
      ['nist-800-53-rev5', 1189, 1007],
    ])
    expect(baselines.map(({ name, controls }) => [name, controls])).toEqual([
      ['fedramp-rev5-high-baseline', 410],
      ['fedramp-rev5-li-saas-baseline', 156],
      ['fedramp-rev5-li-saas-baseline-resolved', 156],
      ['fedramp-rev5-low-baseline', 156],
      ['fedramp-rev5-low-baseline-resolved', 156],
      ['fedramp-rev5-moderate-baseline', 323],
      ['nist-800-53-rev5-high', 370],
      ['nist-800-53-rev5-high-resolved', 370],
      ['nist-800-53-rev5-low', 149],
      ['nist-800-53-rev5-low-resolved', 149],
      ['nist-800-53-rev5-moderate', 287],
      ['nist-800-53-rev5-moderate-resolved', 287],
      ['nist-800-53-rev5-privacy', 96],
      ['nist-800-53-rev5-privacy-resolved', 102],
    ])
  })
})
