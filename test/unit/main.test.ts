import { expect, test } from 'vitest'
import { VERSION } from '../../common/version.ts'
import { runCli } from '../support/cli.ts'

test('the process prints what its command line asks for, and ends with its exit code', async () => {
  expect(await runCli(['--version'])).toEqual({ code: 0, stdout: `${VERSION}\n`, stderr: '' })
  const { code, stdout, stderr } = await runCli(['rules', 'explain', 'not an id'])
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
  expect(stderr).toMatch(/^rapidrmf: "not an id" is not a control id/)
})

test.each(['20.20.2', '21.7.3'])('Node %s is refused before anything else', async (version) => {
  const old = `Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '${version}' } })`
  const env = { NODE_OPTIONS: `--import data:text/javascript,${encodeURIComponent(old)}` }
  expect(await runCli(['--version'], { env })).toEqual({
    code: 2,
    stdout: '',
    stderr: `rapidrmf: needs Node 22 or newer; this is ${version}\n`,
  })
})
