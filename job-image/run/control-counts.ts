import type { ControlCounts } from '../db/runs/run-controls.ts'
import type { Status } from '../validation/model.ts'

const COLUMN: Readonly<Record<Status, number>> = { pass: 0, fail: 1, insufficient_evidence: 2, unknown: 3 }
const COLUMNS = 4

/** Counts of decisions per control, in the order of a plan, and status. */
export class Tally {
  readonly #counts: Int32Array

  constructor(controls: number) {
    this.#counts = new Int32Array(controls * COLUMNS)
  }

  /** Counts one decision about the control at this index of the plan. */
  add(control: number, status: Status): void {
    this.#counts[control * COLUMNS + COLUMN[status]]! += 1
  }

  /** Adds all counts of another tally of the same plan. */
  addAll(other: Tally): void {
    for (const [index, count] of other.#counts.entries()) this.#counts[index]! += count
  }

  /** The counts of the controls that have at least one decision. `controls` are the plan's. */
  counts(controls: readonly { readonly id: number }[]): ControlCounts[] {
    return controls.flatMap(({ id }, control) => {
      const [pass = 0, fail = 0, insufficient = 0, unknown = 0] = this.#counts.subarray(
        control * COLUMNS,
        (control + 1) * COLUMNS,
      )
      return pass + fail + insufficient + unknown > 0 ? [[id, pass, fail, insufficient, unknown]] : []
    })
  }
}
