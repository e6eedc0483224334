/** JSON of unknown shape; values of another type than expected read as absent. */
export type Raw = Readonly<Record<string, unknown>>

export function record(value: unknown): Raw {
  return typeof value === 'object' && value !== null ? (value as Raw) : {}
}

export function list(value: unknown): Raw[] {
  return Array.isArray(value) ? value.map(record) : []
}

export function text(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}

export function number(value: unknown): number {
  return typeof value === 'number' ? value : 0
}
