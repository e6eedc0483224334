import { nodeVersionProblem } from '../../common/node-version.ts'

// Importing the library fails at once on a Node that would break a run in its middle.
const problem = nodeVersionProblem(process.versions)
if (problem !== undefined) throw new Error(`rapidrmf-scheduled-validation ${problem}`)
