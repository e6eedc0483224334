/** Exit codes of both programs. The operator reads those of a Job's pods, and its podFailurePolicy depends on `usage`. */
export const EXIT = { ok: 0, failed: 1, usage: 2, findings: 3, interrupted: 143 } as const

/** Exit codes of containers whose main process was ended by a signal: 128 and the number of the signal. */
export const ENDED_BY = { SIGABRT: 134, SIGKILL: 137, SIGSEGV: 139, SIGTERM: EXIT.interrupted } as const
