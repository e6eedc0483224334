import { describe, expect, test } from 'vitest'
import { fits, fitted } from '../../../job-image/oscal/fit.ts'
import type { BaselineImport, CatalogImport, WantedControl } from '../../../job-image/oscal/import.ts'

function control(more: Partial<WantedControl> = {}): WantedControl {
  const head = { canonical: 'k-1', controlId: 'K-1', title: 'Control K-1', family: 'K' }
  return { ...head, withdrawn: false, parent: undefined, ...more }
}

function catalog(more: Partial<CatalogImport> = {}): CatalogImport {
  return {
    kind: 'catalog',
    source: 'h.json',
    name: 'handbook',
    title: 'Handbook',
    version: '1',
    framework: 'handbook',
    whole: false,
    authoritative: true,
    controls: [control()],
    ...more,
  }
}

const BASELINE: BaselineImport = {
  kind: 'baseline',
  source: 'p.json',
  name: 'low',
  title: 'Low',
  version: null,
  framework: 'handbook',
  controls: ['k-1'],
  withdrawn: 0,
}

test.each([
  ['title', 255],
  ['version', 50],
  ['family', 10],
] as const)('the column of a %s holds %i characters', (key, width) => {
  expect(fits('😀'.repeat(width), key)).toBe(true)
  expect(fits('x'.repeat(width + 1), key)).toBe(false)
})

describe('an import', () => {
  test('that fits is left as it is', () => {
    expect(fitted(catalog())).toEqual({ item: catalog(), warnings: [] })
    expect(fitted(BASELINE)).toEqual({ item: BASELINE, warnings: [] })
  })

  test('has its title and version cut, the whole title in an attribute of a catalog', () => {
    const title = `${'x'.repeat(254)} y`
    expect(fitted(catalog({ title, version: '1'.repeat(51) }))).toEqual({
      item: catalog({
        title: `${'x'.repeat(254)}…`,
        version: `${'1'.repeat(49)}…`,
        fullTexts: { full_title: title },
      }),
      warnings: [
        'h.json: its title is longer than catalogs.title (255 characters) and was cut',
        'h.json: its version is longer than catalogs.version (50 characters) and was cut',
      ],
    })
    const { item, warnings } = fitted({ ...BASELINE, title })
    expect(item).not.toHaveProperty('fullTexts')
    expect(warnings).toEqual([
      'p.json: its title is longer than baselines.title (255 characters) and was cut',
    ])
  })

  test('a cut text does not end with a space', () => {
    const wide = `${'x'.repeat(250)}    y`
    expect(fitted({ ...BASELINE, title: wide }).item.title).toBe(wide)
    expect(fitted({ ...BASELINE, title: `${'x'.repeat(250)}      y` }).item.title).toBe(`${'x'.repeat(250)}…`)
  })

  test('has its name for a title of spaces, and no version for one of spaces', () => {
    const { item, warnings } = fitted({ ...BASELINE, title: ' ', version: ' ' })
    expect(item).toMatchObject({ title: 'low', version: null })
    expect(warnings).toEqual(['p.json: it has no title and got its name, "low"'])
  })
})

describe('the controls of a catalog', () => {
  const long = (length: number): string => 'x'.repeat(length)

  test('have title and family cut, the whole texts in their attributes', () => {
    const wide = control({ title: long(256), family: long(11) })
    const { item } = fitted(catalog({ controls: [wide] }))
    expect((item as CatalogImport).controls).toEqual([
      {
        ...wide,
        title: `${long(254)}…`,
        family: `${long(9)}…`,
        fullTexts: { full_title: long(256), full_family: long(11) },
      },
    ])
  })

  test('have one warning for each kind of problem', () => {
    const controls = [
      control(),
      control({ controlId: 'K-2', title: long(256) }),
      control({ controlId: 'K-3', title: long(300), family: long(11) }),
      control({ controlId: 'K-4', title: ' ' }),
    ]
    const { item, warnings } = fitted(catalog({ controls }))
    expect((item as CatalogImport).controls[3]?.title).toBe('K-4')
    expect(warnings).toEqual([
      'h.json: 2 controls (the first is K-2): the title is longer than controls.title (255 characters) and was cut; the attribute full_title has all of it',
      'h.json: 1 control (the first is K-3): the family is longer than controls.family (10 characters) and was cut; the attribute full_family has all of it',
      'h.json: 1 control (the first is K-4): there is no title, and the id stands in its place',
    ])
  })
})
