/** Returns true if a text matches a pattern. */
export type Glob = (text: string) => boolean

/** True for a pattern with a wildcard. */
export function isGlob(text: string): boolean {
  return /[*?]/.test(text)
}

/**
 * Compiles a pattern: `*` matches any characters, `?` exactly one; other characters match themselves. The number of
 * steps is at most the product of both lengths: only the last star is retried, because it can match whatever an
 * earlier one could match in addition.
 */
export function compileGlob(pattern: string): Glob {
  return compile(pattern, '?')
}

/** As `compileGlob`, but `?` stands for itself. */
export function compileStarGlob(pattern: string): Glob {
  return compile(pattern, undefined)
}

function compile(pattern: string, anyCharacter: '?' | undefined): Glob {
  return (text) => {
    let at = 0
    let next = 0
    let star = -1
    let taken = 0
    while (at < text.length) {
      const symbol = pattern[next]
      if (symbol === '*') {
        star = next
        taken = at
        next += 1
      } else if (symbol !== undefined && symbol === anyCharacter) {
        at += widthAt(text, at)
        next += 1
      } else if (symbol === text[at]) {
        at += 1
        next += 1
      } else if (star === -1) {
        return false
      } else {
        taken += widthAt(text, taken)
        at = taken
        next = star + 1
      }
    }
    while (pattern[next] === '*') next += 1
    return next === pattern.length
  }
}

/** Code units of the character there: two for one outside of Unicode's first plane. */
function widthAt(text: string, index: number): number {
  return (text.codePointAt(index) ?? 0) > 0xffff ? 2 : 1
}
