import { renderTable } from '../job-image/output/table.ts'

/** One figure. With a budget the table says whether it is ok or MISSED. */
export type Figure = {
  readonly name: string
  readonly value: number
  readonly unit: string
  readonly budget?: { readonly atLeast: number } | { readonly atMost: number }
}

export function isMissed({ value, budget }: Figure): boolean {
  if (budget === undefined) return false
  return 'atLeast' in budget ? value < budget.atLeast : value > budget.atMost
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  const [low = NaN, high = NaN] = [sorted[sorted.length % 2 === 1 ? middle : middle - 1], sorted[middle]]
  return (low + high) / 2
}

export function figureTable(figures: readonly Figure[]): string {
  return renderTable<Figure>(
    [
      { title: 'Figure', value: ({ name }) => name },
      { title: 'Measured', value: ({ value, unit }) => `${text(value)} ${unit}`.trim(), align: 'right' },
      { title: 'Budget', value: budgetText, align: 'right' },
      { title: '', value: (figure) => (isMissed(figure) ? 'MISSED' : figure.budget && 'ok') },
    ],
    figures,
  )
}

function budgetText({ budget, unit }: Figure): string {
  if (budget === undefined) return ''
  const limit = 'atLeast' in budget ? `≥ ${text(budget.atLeast)}` : `≤ ${text(budget.atMost)}`
  return `${limit} ${unit}`.trim()
}

/** Formats with three significant digits, and as an integer from 100 on. */
function text(value: number): string {
  if (Number.isInteger(value) || Math.abs(value) >= 100) return Math.round(value).toLocaleString('en-US')
  return String(Number(value.toPrecision(3)))
}
