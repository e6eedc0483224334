import { oneOf, string } from 'cmd-ts'
import type { Type } from 'cmd-ts'
import { invisibleIn } from '../../../common/printable.ts'

/*
 * The help shows the value of an option in angle brackets: in capitals what the user chooses, in small letters what is
 * typed literally. Completion uses that: FILE is completed with files, and literals with themselves.
 */

/** A value that the user chooses freely, under the name that the help shows. */
export function text(name: Uppercase<string>): Type<string, string> {
  return { ...string, displayName: name }
}

/** A name that people read and compare, and that is not known yet. */
export const newName: Type<string, string> = {
  displayName: 'NAME',
  async from(given) {
    const problem = invisibleIn(given)
    if (problem !== undefined) throw new Error(`must not contain ${problem}`)
    return given
  },
}

/** One of several literals. */
export function choice<const Word extends string>(words: readonly Word[]): Type<string, Word> {
  return { ...oneOf(words), displayName: words.join('|') }
}
