// The oracle of common/cron/cron.ts: the results of robfig/cron v3.0.1, the library in the CronJob controller.
//
//	next           reads "zone<TAB>expression<TAB>start" lines, start in seconds since the epoch; for each it
//	               prints the next slot in seconds, "never", or "refused" and the reason
//	golden <dir>   writes the tables that the unit tests compare with
package main

import (
	"bufio"
	"errors"
	"fmt"
	"log"
	"os"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // for machines without a zone database

	"github.com/robfig/cron/v3"
)

func main() {
	log.SetFlags(0)
	switch {
	case len(os.Args) == 2 && os.Args[1] == "next":
		answerLines()
	case len(os.Args) == 3 && os.Args[1] == "golden":
		if err := writeGolden(os.Args[2]); err != nil {
			log.Fatal(err)
		}
	default:
		log.Fatal("usage: cron next | cron golden <dir>")
	}
}

func answerLines() {
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		columns := strings.Split(lines.Text(), "\t")
		if len(columns) != 3 {
			log.Fatalf("want zone, expression and start: %q", lines.Text())
		}
		zone, err := time.LoadLocation(columns[0])
		if err != nil {
			log.Fatal(err)
		}
		start, err := strconv.ParseInt(columns[2], 10, 64)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Fprintln(out, answer(zone, columns[1], start))
	}
	if err := lines.Err(); err != nil {
		log.Fatal(err)
	}
}

func answer(zone *time.Location, expression string, start int64) string {
	schedule, err := parse(expression)
	if err != nil {
		return "refused " + err.Error()
	}
	next := schedule.Next(time.Unix(start, 0).In(zone))
	if next.IsZero() {
		return "never"
	}
	return strconv.FormatInt(next.Unix(), 10)
}

// parse refuses a time zone first, as the API server does (where robfig would read it, or panic).
func parse(expression string) (cron.Schedule, error) {
	if strings.Contains(expression, "TZ") {
		return nil, errors.New("time zone in the expression")
	}
	return cron.ParseStandard(expression)
}
