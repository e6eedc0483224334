/** Formats metav1.MicroTime: RFC 3339 with exactly six digits; the API server refuses the three of toISOString. */
export function microTime(date: Date): string {
  return date.toISOString().replace('Z', '000Z')
}
