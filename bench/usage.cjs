// Preloaded into the measured process (NODE_OPTIONS=--require): writes the used resources to descriptor 3 at its end.
'use strict'
const { readFileSync, writeSync } = require('node:fs')

process.on('exit', () => {
  const { user, system } = process.cpuUsage()
  writeSync(3, JSON.stringify({ cpu: (user + system) / 1000, peakRss: peakRss() }))
})

// resourceUsage().maxRSS is the fallback: on Linux it starts at the size of the process that forked.
function peakRss() {
  try {
    const [, kib] = /^VmHWM:\s+(\d+)/m.exec(readFileSync('/proc/self/status', 'utf8'))
    return kib * 1024
  } catch {
    return process.resourceUsage().maxRSS * 1024
  }
}
