import { membersOf } from '../../json-text.ts'

/** The marks in `attributes` of a row of `controls`; `withdrawn` is undefined if it is not set. */
export type ControlMarks = { readonly withdrawn: boolean | undefined; readonly removed: boolean }

/**
 * SQL: the attributes of a row as text where they can hold a mark, else null: catalogs may keep whole documents there.
 * The pattern looks at the text alone, because an operator that reads the JSON fails for all rows at once. A key may be
 * written in escapes, so the text is needed where there are any.
 */
export function marksText(attributes: string): string {
  return String.raw`CASE WHEN ${attributes}::text ~ E'withdrawn|removed|\\\\u' THEN ${attributes}::text END`
}

/** Other programs keep what they like in `attributes`, in any shape: only a member that says true is a mark. */
export function readMarks(text: string | null): ControlMarks {
  const members = membersOf(text ?? '')
  const withdrawn = members.get('withdrawn') ?? 'null'
  return {
    withdrawn: withdrawn === 'null' ? undefined : saysTrue(withdrawn),
    removed: saysTrue(members.get('removed')),
  }
}

function saysTrue(json = ''): boolean {
  return json === 'true' || (json.startsWith('"') && JSON.parse(json) === 'true')
}
