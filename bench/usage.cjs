// Preloaded into the measured process (NODE_OPTIONS=--require): as it ends, it says on descriptor 3 what it has used.
'use strict'
const { readFileSync, writeSync } = require('node:fs')

process.on('exit', () => {
  const { user, system } = process.cpuUsage()
  writeSync(3, JSON.stringify({ cpu: (user + system) / 1000, peakRss: peakRss() }))
})

// Not resourceUsage().maxRSS where it can be helped: Linux lets it begin at the size of the process that forked.
function peakRss() {
  try {
    const [, kib] = /^VmHWM:\s+(\d+)/m.exec(readFileSync('/proc/self/status', 'utf8'))
    return kib * 1024
  } catch {
    return process.resourceUsage().maxRSS * 1024
  }
}
