/** Formats a time as Kubernetes does: UTC in whole seconds with Z. Numbers are milliseconds since the epoch. */
export function isoTime(time: Date | number): string {
  return `${new Date(time).toISOString().slice(0, 19)}Z`
}
