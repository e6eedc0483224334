/*
 * JSON that other programs keep in the shared tables, read from its text. PostgreSQL's type `json` takes any syntax, and
 * what reads it is stricter: `->>`, `#>>`, `::jsonb` and the json_* functions convert the whole document, and fail the
 * whole statement for one string with \u0000 or with half of a surrogate pair; JSON.stringify and revivers recurse, and
 * fail on deep nesting. Nothing here does either, so one such document affects only its own row.
 */

/**
 * The members of an object by key, each value as it stands in the text; of a key that stands twice the last, as in
 * JSON.parse. Empty for anything but an object.
 */
export function membersOf(json: string): ReadonlyMap<string, string> {
  return new Map(isObject(json) ? partsOf(json).map(memberOf) : [])
}

/** The elements of a list, each as it stands in the text. Empty for anything but a list. */
export function elementsOf(json: string): readonly string[] {
  return json.trimStart().startsWith('[') ? partsOf(json) : []
}

/** The changes to an object's members. */
export type MemberEdits = {
  readonly set: Readonly<Record<string, unknown>>
  readonly drop?: readonly string[]
}

/**
 * The object with other members; those that are not named stay the very text they are. Anything but an object has no
 * member to keep.
 */
export function withMembers(json: string, { set, drop = [] }: MemberEdits): string {
  const named = new Set([...Object.keys(set), ...drop])
  const kept = isObject(json) ? partsOf(json).filter((part) => !named.has(memberOf(part)[0])) : []
  const added = Object.entries(set).map(([key, value]) => `${JSON.stringify(key)}: ${JSON.stringify(value)}`)
  return `{${[...kept, ...added].join(', ')}}`
}

/** Levels of lists and objects that are shown: programs that read our JSON give up at some hundred. */
export const MAX_DEPTH = 100

/**
 * A value of another program, to be shown: itself, unless it is nested too deeply to be written and read. `place` names
 * it: the table, the row and the column.
 */
export function presentable(value: unknown, place: string): unknown {
  let level = [value].filter(isContainer)
  for (let depth = 0; depth <= MAX_DEPTH; depth += 1) {
    if (level.length === 0) return value
    level = level.flatMap((each) => Object.values(each).filter(isContainer))
  }
  return {
    problem: `${place}: nested more than ${MAX_DEPTH} levels deep, so it is not shown; correct or remove this row`,
  }
}

function isContainer(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}

function isObject(json: string): boolean {
  return json.trimStart().startsWith('{')
}

function memberOf(part: string): [key: string, value: string] {
  const end = endOfString(part, 0)
  return [JSON.parse(part.slice(0, end)) as string, part.slice(part.indexOf(':', end) + 1).trimStart()]
}

/** The texts between the commas of the outermost list or object. */
function partsOf(json: string): string[] {
  const parts: string[] = []
  let depth = 0
  let from = 0
  for (const at of structure(json)) {
    const character = json[at]
    const opens = character === '{' || character === '['
    if (depth === 1 && !opens) parts.push(json.slice(from, at).trim())
    if (character !== ',') depth += opens ? 1 : -1
    if (depth === 1 && (opens || character === ',')) from = at + 1
  }
  return parts.filter((part) => part !== '')
}

/** The positions of brackets, braces and commas outside of strings. */
function* structure(json: string): Generator<number> {
  const character = /["{}[\],]/g
  for (let found = character.exec(json); found !== null; found = character.exec(json)) {
    if (found[0] === '"') character.lastIndex = endOfString(json, found.index)
    else yield found.index
  }
}

/** The place after the closing quote of the string that begins at `start`. */
function endOfString(json: string, start: number): number {
  for (let quote = json.indexOf('"', start + 1); quote !== -1; quote = json.indexOf('"', quote + 1)) {
    let escapes = 0
    while (json[quote - 1 - escapes] === '\\') escapes += 1
    if (escapes % 2 === 0) return quote + 1
  }
  return json.length
}
