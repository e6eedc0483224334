import { isoTimestamp } from '../time.ts'
import { printable } from '../../common/printable.ts'
import type { ResultRow } from '../db/record/result-reads.ts'
import { write } from '../io.ts'
import type { Output } from '../io.ts'
import { keysText, parts } from './result-formats.ts'
import type { ResultWriter } from './result-formats.ts'
import { wrapped } from './wrapped.ts'

/** Writes each result as a paragraph, for terminals that are too narrow for a table. */
export function paragraphWriter(output: Output, catalogs: boolean, width: number): ResultWriter {
  let separator = ''
  return {
    async rows(rows) {
      for (const part of parts(rows)) {
        await write(output, separator + part.map((row) => paragraph(row, catalogs, width)).join('\n'))
        separator = '\n'
      }
    },
    end: () => Promise.resolve(),
  }
}

function paragraph(row: ResultRow, catalogs: boolean, width: number): string {
  const control = catalogs ? `${row.control} (${row.catalog})` : row.control
  const heading = [row.system, control, row.status].map(printable).join('  ')
  const facts = [row.message ?? '', ...evidence(row), ...remediation(row), origin(row)]
  const lines = facts.filter((fact) => fact !== '').map((fact) => wrapped(printable(fact), width, '  '))
  return wrapped(heading, width, '') + lines.join('')
}

function evidence({ evidenceKeys }: ResultRow): string[] {
  const isEmpty = Array.isArray(evidenceKeys) && evidenceKeys.length === 0
  return isEmpty ? [] : [`Evidence: ${keysText(evidenceKeys)}`]
}

function remediation({ remediation }: ResultRow): string[] {
  return remediation === null ? [] : [`Remediation: ${remediation}`]
}

function origin({ runId, validatedAt }: ResultRow): string {
  const at = isoTimestamp(validatedAt) ?? ''
  return runId === null ? at : `Run ${runId}, ${at}`
}
