import { truncate } from '../../common/text.ts'
import { plural } from '../plural.ts'
import type { CatalogImport, Import, WantedControl } from './import.ts'

/** Widths of columns that hold texts for people, in characters as PostgreSQL counts them. */
const WIDTHS = { title: 255, version: 50, family: 10 } as const

type Key = keyof typeof WIDTHS

/** An import whose texts for people fit their columns, and what was done to them. */
export type Fitted = { readonly item: Import; readonly warnings: readonly string[] }

/**
 * Cuts titles, families and versions to the widths of their columns, and gives what has no title its name or id as one:
 * such a text identifies nothing, and one of them would keep a whole catalog out. Names and ids are never cut. Rows with
 * attributes keep the whole text there.
 */
export function fitted(item: Import): Fitted {
  const table = item.kind === 'catalog' ? 'catalogs' : 'baselines'
  const notes = (['title', 'version'] as const)
    .filter((key) => !fits(item[key] ?? '', key))
    .map((key) => `its ${key} is longer than ${table}.${key} (${WIDTHS[key]} characters) and was cut`)
  if (isBlank(item.title)) notes.push(`it has no title and got its name, "${item.name}"`)
  const version = isBlank(item.version ?? '') ? null : cut(item.version ?? '', 'version')
  const head = { title: isBlank(item.title) ? item.name : cut(item.title, 'title'), version }
  if (item.kind === 'baseline') return { item: { ...item, ...head }, warnings: notes.map(inFile(item)) }
  const controls = item.controls.map(fittedControl)
  return {
    item: { ...item, ...head, ...fullTexts(item, ['title']), controls },
    warnings: [...notes, ...controlNotes(item.controls)].map(inFile(item)),
  }
}

function inFile({ source }: Import): (note: string) => string {
  return (note) => `${source}: ${note}`
}

function fittedControl(control: WantedControl): WantedControl {
  const { controlId, title, family } = control
  return {
    ...control,
    title: isBlank(title) ? controlId : cut(title, 'title'),
    family: cut(family, 'family'),
    ...fullTexts(control, ['title', 'family']),
  }
}

/** `attributes` of the row: each text that its column holds only the beginning of. */
function fullTexts(
  texts: { readonly title: string; readonly family?: string },
  keys: readonly ('title' | 'family')[],
): Pick<WantedControl, 'fullTexts'> {
  const cutOnes = keys.filter((key) => !fits(texts[key] ?? '', key))
  if (cutOnes.length === 0) return {}
  return { fullTexts: Object.fromEntries(cutOnes.map((key) => [`full_${key}`, texts[key] ?? ''])) }
}

/** One line for all controls with the same problem. */
function controlNotes(controls: CatalogImport['controls']): string[] {
  const note = (affected: readonly WantedControl[], what: string): string[] =>
    affected[0] === undefined
      ? []
      : [`${plural(affected.length, 'control')} (the first is ${affected[0].controlId}): ${what}`]
  const long = (['title', 'family'] as const).flatMap((key) =>
    note(
      controls.filter((control) => !fits(control[key], key)),
      `the ${key} is longer than controls.${key} (${WIDTHS[key]} characters) and was cut; the attribute full_${key} has all of it`,
    ),
  )
  const untitled = controls.filter(({ title }) => isBlank(title))
  return [...long, ...note(untitled, 'there is no title, and the id stands in its place')]
}

function isBlank(text: string): boolean {
  return text.trim() === ''
}

/** True if the text fits the column. */
export function fits(text: string, key: Key): boolean {
  return text.length <= WIDTHS[key] || Array.from(text).length <= WIDTHS[key]
}

function cut(text: string, key: Key): string {
  return fits(text, key) ? text : truncate(text, WIDTHS[key]).replace(/\s+…$/, '…')
}
