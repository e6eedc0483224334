import { types } from 'pg'
import type { CustomTypesConfig } from 'pg'

type Parser = (text: string) => unknown

const asText: Parser = (text) => text
const asNumber: Parser = Number

/** Elements with special characters are quoted; NULL is null only without quotes. */
const ELEMENT = /"((?:\\.|[^"\\])*)"|[^{},]+/gs

/** Parses a one-dimensional array. */
function parseArray(text: string): (string | null)[] {
  // Before the brace there may be bounds, as in [2:3]={a,b}.
  return Array.from(text.slice(text.indexOf('{')).matchAll(ELEMENT), ([plain, quoted]) =>
    quoted === undefined ? (plain === 'NULL' ? null : plain) : quoted.replaceAll(/\\(.)/gs, '$1'),
  )
}

const asNumbers: Parser = (text) => parseArray(text).map((each) => (each === null ? null : Number(each)))

/** The types that this program reads, by their OIDs in PostgreSQL's pg_type.dat. */
const PARSERS: ReadonlyMap<number, Parser> = new Map<number, Parser>([
  [16, (text) => text === 't'], // bool
  [17, (text) => Buffer.from(text.slice(2), 'hex')], // bytea; a session's bytea_output is hex
  [18, asText], // "char"
  [19, asText], // name
  [20, asNumber], // bigint: other programs may have made ids bigint, and they are compared with integer ids
  [21, asNumber], // smallint
  [23, asNumber], // integer
  [25, asText], // text
  [26, asNumber], // oid
  [114, (text) => JSON.parse(text)], // json
  [700, asNumber], // real
  [701, asNumber], // double precision
  [1003, parseArray], // name[]
  [1007, asNumbers], // integer[]
  [1009, parseArray], // text[]
  [1015, parseArray], // varchar[]
  [1042, asText], // char(n)
  [1043, asText], // varchar
  [1114, asText], // timestamp: pg reads it in the process's zone, cuts microseconds and makes infinity a number
  [1184, asText], // timestamptz
  [1700, asText], // numeric
  [2205, asText], // regclass
  [2278, asText], // void
  [3802, (text) => JSON.parse(text)], // jsonb
])

/** The first OID of types that a database defines itself, such as enums; another database may use the same one. */
const FIRST_USER_OID = 16_384

/**
 * Parsers for the values of a session, complete for the types that this program reads. They are set per session, because
 * a program that uses the library may have replaced pg's global parsers; other types use those.
 */
export const TYPE_PARSERS: CustomTypesConfig = {
  getTypeParser: ((oid: number, format?: 'text' | 'binary') =>
    PARSERS.get(oid) ??
    (oid >= FIRST_USER_OID
      ? asText
      : types.getTypeParser(oid, format))) as CustomTypesConfig['getTypeParser'],
}
