// node scripts/build-images.ts --node /nodejs/bin/node --outdir DIR
// Writes what the Dockerfile copies into its images: DIR/job and DIR/operator are laid out from the root on. DIR/warm is a
// program that fills the compile cache of another one. Every file has the time SOURCE_DATE_EPOCH (seconds), or 1970, so
// that the same sources make the same layers.
import {
  chmodSync,
  cpSync,
  lutimesSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { buildCommandLine, buildOperator, ROOT } from './bundle.ts'

const { node, outdir } = parseArgs({
  options: {
    node: { type: 'string', default: '/usr/local/bin/node' },
    outdir: { type: 'string', default: 'out' },
  },
}).values
const epoch = Number(process.env['SOURCE_DATE_EPOCH'] ?? 0)

/** The images have no `env` that could look for Node, and no shell. */
function setInterpreter(file: string): void {
  writeFileSync(file, readFileSync(file, 'utf8').replace(/^#!.*/, `#!${node}`))
  chmodSync(file, 0o755)
}

function link(root: string, name: string, program: string): void {
  mkdirSync(join(root, 'usr/local/bin'), { recursive: true })
  symlinkSync(`/app/${program}`, join(root, 'usr/local/bin', name))
  setInterpreter(join(root, 'app', program))
  cpSync(join(ROOT, 'LICENSE'), join(root, 'app/LICENSE'))
}

function setTimes(path: string): void {
  for (const entry of readdirSync(path, { withFileTypes: true, recursive: true })) {
    lutimesSync(join(entry.parentPath, entry.name), epoch, epoch)
  }
  lutimesSync(path, epoch, epoch)
}

const job = join(outdir, 'job')
await buildCommandLine(join(job, 'app'))
link(job, 'rapidrmf', 'rapidrmf.cjs')
// Where the configuration is mounted; the working directory of the image.
mkdirSync(join(job, 'etc/rapidrmf'), { recursive: true })

const operator = join(outdir, 'operator')
await buildOperator(join(operator, 'app'))
link(operator, 'rapidrmf-operator', 'operator.cjs')

cpSync(join(ROOT, 'scripts/warm-cache.cjs'), join(outdir, 'warm'))
setInterpreter(join(outdir, 'warm'))
setTimes(outdir)
