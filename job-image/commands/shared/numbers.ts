import type { Type } from 'cmd-ts'

/** The maximum of an `integer` column. */
const INTEGER_MAX = 2_147_483_647

/** An argument that must be a whole number from 1 on; plain digits only, so that a typo is no number. */
export function positiveInteger(displayName: string, max = INTEGER_MAX): Type<string, number> {
  return {
    displayName,
    from: async (text) => {
      const value = /^\d{1,15}$/.test(text) ? Number(text) : 0
      if (value >= 1 && value <= max) return value
      throw new Error(`expected a whole number from 1 to ${max}, found ${JSON.stringify(text)}`)
    },
  }
}
