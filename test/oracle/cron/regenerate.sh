#!/bin/sh
# Writes test/unit/common/cron/golden anew from robfig/cron. Needs Go; uses the zone database of that Go, not the machine's.
set -eu
cd "$(dirname "$0")"
root=$(go env GOROOT)/lib/time
ZONEINFO=$root/zoneinfo.zip TZDATA_RELEASE=$(sed -n 's/^DATA=//p' "$root/update.bash") go run . golden ../../unit/common/cron/golden
