import type { ControlFigures } from '../db/record/control-figures.ts'
import type { Column } from '../output/table.ts'

/** The columns of figures per control; with `catalogs`, a column distinguishes controls of several catalogs. */
export function controlColumns(catalogs: boolean): Column<ControlFigures>[] {
  const counts: Column<ControlFigures>[] = [
    { title: 'Pass', value: ({ pass }) => pass, align: 'right' },
    { title: 'Fail', value: ({ fail }) => fail, align: 'right' },
    { title: 'Insufficient', value: (row) => row.insufficient_evidence, align: 'right' },
    { title: 'Unknown', value: ({ unknown }) => unknown, align: 'right' },
    { title: 'Deciding', value: ({ decide_us: us }) => `${(us / 1000).toFixed(3)} ms`, align: 'right' },
  ]
  const catalog: Column<ControlFigures> = {
    title: 'Catalog',
    value: (row) => row.catalog,
    minWidth: 8,
    rank: 3,
  }
  const name: Column<ControlFigures> = {
    title: 'Control',
    value: ({ control, control_id: id }) => control ?? `(deleted, id ${id})`,
  }
  return [name, ...(catalogs ? [catalog] : []), ...counts]
}
