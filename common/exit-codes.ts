/** Exit codes of both programs. The operator reads those of a Job's pods, and its podFailurePolicy depends on `usage`. */
export const EXIT = { ok: 0, failed: 1, usage: 2, findings: 3, interrupted: 143 } as const
