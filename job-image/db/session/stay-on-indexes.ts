/**
 * Keeps the plans on the indexes where statistics are old (a night's rows are read minutes after they were written):
 * every read is a handful of index probes per system, and a scan of millions of rows is never better.
 */
export const STAY_ON_INDEXES = 'SET enable_seqscan TO off; SET enable_mergejoin TO off'
