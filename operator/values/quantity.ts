/** Suffixes as powers of 10 and 2. */
const SUFFIXES: Readonly<Record<string, readonly [base: number, exponent: number]>> = {
  n: [10, -9],
  u: [10, -6],
  m: [10, -3],
  '': [10, 0],
  k: [10, 3],
  M: [10, 6],
  G: [10, 9],
  T: [10, 12],
  P: [10, 15],
  E: [10, 18],
  Ki: [2, 10],
  Mi: [2, 20],
  Gi: [2, 30],
  Ti: [2, 40],
  Pi: [2, 50],
  Ei: [2, 60],
}

/** The longest form that the CRD admits; the exponent is bounded, because a large one would need gigabytes. */
const QUANTITY =
  /^([+-]?)(\d{0,32})(?:\.(\d{0,32}))?(?:(n|u|m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)|[eE]([+-]?\d{1,2}))?$/

/** Parses a Kubernetes quantity to billionths; undefined if it is invalid. */
export function parseQuantity(quantity: string | number): bigint | undefined {
  const match = QUANTITY.exec(String(quantity))
  if (match === null) return undefined
  const [, sign, whole = '', fraction = '', suffix = '', exponent = '0'] = match
  if (whole === '' && fraction === '') return undefined
  const [base, power] = SUFFIXES[suffix] ?? [10, 0]
  const digits = BigInt(`${whole}${fraction}`)
  const decimals = 9 - fraction.length + Number(exponent) + (base === 10 ? power : 0)
  const binary = base === 2 ? 2n ** BigInt(power) : 1n
  const value = shift(digits * binary, decimals)
  return sign === '-' ? -value : value
}

/** Multiplies by a power of 10, rounding up to a billionth as Kubernetes does. */
function shift(value: bigint, power: number): bigint {
  if (power >= 0) return value * 10n ** BigInt(power)
  const divisor = 10n ** BigInt(-power)
  return (value + divisor - 1n) / divisor
}
