package main

import (
	"archive/zip"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// period is a zone and the years whose changes of the clock are tested. Go and Node carry different releases of the
// zone database, so the years (and the five after them that Next may reach) must be ones on which both agree: the
// past, or a future that is settled by law.
type period struct {
	zone     string
	from, to int
}

var periods = []period{
	{"America/New_York", 2010, 2030},
	{"Europe/Berlin", 2010, 2030},
	{"Australia/Lord_Howe", 2010, 2020}, // half an hour, southern
	{"Australia/Sydney", 2010, 2020},
	{"Africa/Casablanca", 2010, 2020}, // four changes a year, later below its standard time
	{"Africa/Cairo", 2010, 2020},      // midnight
	{"Asia/Beirut", 2010, 2020},       // midnight, east of Greenwich: Next loses that day
	{"America/Sao_Paulo", 2010, 2020}, // midnight, west of Greenwich
	{"America/Santiago", 2010, 2020},
	{"America/Caracas", 2010, 2020},  // half an hour, once
	{"Antarctica/Troll", 2010, 2020}, // two hours
	{"Asia/Kathmandu", 2010, 2020},   // 5:45, no changes
	{"Pacific/Apia", 2012, 2021},     // after the day that it skipped
}

// skippedDay is separate, because Next never returns when it searches for a day across 2011-12-30 in Apia.
var skippedDay = period{"Pacific/Apia", 2010, 2011}

// offsets from a change of the clock at which a search starts.
var offsets = []time.Duration{-26 * time.Hour, -100 * time.Minute, -time.Second, 0, 40 * time.Minute, 23 * time.Hour}

var everyDay = []string{
	"* * * * *", "*/5 * * * *", "*/90 * * * *", "0 * * * *", "30 * * * *", "15,45 */3 * * *",
	"0 0 * * *", "30 0 * * *", "0 1 * * *", "30 1 * * *", "0 2 * * *", "30 2 * * *", "45 2 * * *", "0 3 * * *",
	"0 5 * * *", "0 23 * * *", "59 23 * * ?", "0 */6 * * *", "20 1-3 * * *", "@hourly", "@daily", "@every 1h30m",
}

var someDays = []string{
	"0 0 * * 0", "0 5 * * SUN", "0 1 * * 6", "30 23 * * sat", "0 2 * * 1-5", "0 0 * * MON", "@weekly",
	"0 0 1 * *", "30 1 1 * *", "0 12 31 * *", "0 0 29 2 *", "0 2 13 * 5", "0 0 29 2 1", "0 0 */2 * *", "0 0 */2 * 1",
	"0 3 25-31 3,10 *", "0 4 1 JAN,APR,JUL,OCT *", "0 0 15 apr-oct *", "0 0 31 1-12/3 *", "0 0 30 2 *", "@yearly",
}

type zoneTable struct {
	Zone        string   `json:"zone"`
	Expressions []string `json:"expressions"`
	Starts      []int64  `json:"starts"`
	// Delays holds, for each start and each expression, the seconds until the next slot; -1 is never.
	Delays [][]int64 `json:"delays"`
}

type verdict struct {
	Expression string `json:"expression"`
	Refused    string `json:"refused,omitempty"`
}

func writeGolden(dir string) error {
	all := append(append([]string{}, everyDay...), someDays...)
	var tables []zoneTable
	for _, p := range periods {
		table, err := tableOf(p, all)
		if err != nil {
			return err
		}
		tables = append(tables, table)
	}
	skipped, err := tableOf(skippedDay, everyDay)
	if err != nil {
		return err
	}
	tables = append(tables, skipped)

	var verdicts []verdict
	for _, expression := range append(all, expressions...) {
		v := verdict{Expression: expression}
		if _, err := parse(expression); err != nil {
			v.Refused = err.Error()
		}
		verdicts = append(verdicts, v)
	}
	names, err := zoneNames()
	if err != nil {
		return err
	}
	source := fmt.Sprintf("robfig/cron v3.0.1, %s, zone database %s", runtime.Version(), os.Getenv("TZDATA_RELEASE"))
	return errors.Join(
		writeJSON(filepath.Join(dir, "next.json"), source, "tables", tables),
		writeJSON(filepath.Join(dir, "expressions.json"), source, "expressions", verdicts),
		writeJSON(filepath.Join(dir, "zones.json"), source, "zones", names),
	)
}

func tableOf(p period, expressions []string) (zoneTable, error) {
	location, err := time.LoadLocation(p.zone)
	if err != nil {
		return zoneTable{}, err
	}
	table := zoneTable{Zone: p.zone, Expressions: expressions}
	for _, moment := range changes(location, p.from, p.to) {
		for _, offset := range offsets {
			start := moment.Add(offset)
			row := make([]int64, 0, len(expressions))
			for _, expression := range expressions {
				schedule, err := parse(expression)
				if err != nil {
					return zoneTable{}, err
				}
				delay := int64(-1)
				if next := schedule.Next(start); !next.IsZero() {
					delay = next.Unix() - start.Unix()
				}
				row = append(row, delay)
			}
			table.Starts = append(table.Starts, start.Unix())
			table.Delays = append(table.Delays, row)
		}
	}
	return table, nil
}

// changes finds the changes of the offset; if there are none, it uses each new year.
func changes(location *time.Location, from, to int) []time.Time {
	var found, years []time.Time
	offsetAt := func(unix int64) int { _, offset := time.Unix(unix, 0).In(location).Zone(); return offset }
	const stride = 6 * 3600
	for year := from; year <= to; year++ {
		first := time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC)
		years = append(years, first.In(location))
		for low := first.Unix(); low < first.AddDate(1, 0, 0).Unix(); low += stride {
			if offsetAt(low) == offsetAt(low+stride) {
				continue
			}
			before, after := low, low+stride
			for after-before > 1 {
				if middle := (before + after) / 2; offsetAt(middle) == offsetAt(low) {
					before = middle
				} else {
					after = middle
				}
			}
			found = append(found, time.Unix(after, 0).In(location))
		}
	}
	if len(found) == 0 {
		return years
	}
	return found
}

// zoneNames lists the archive in ZONEINFO.
func zoneNames() ([]string, error) {
	archive, err := zip.OpenReader(os.Getenv("ZONEINFO"))
	if err != nil {
		return nil, fmt.Errorf("ZONEINFO must name Go's zoneinfo.zip: %w", err)
	}
	defer archive.Close()
	var names []string
	for _, file := range archive.File {
		if !strings.HasSuffix(file.Name, "/") {
			names = append(names, file.Name)
		}
	}
	return names, nil
}

// writeJSON writes one element per line, so that a diff shows changes.
func writeJSON[T any](file, source, key string, elements []T) error {
	lines := make([]string, 0, len(elements))
	for _, element := range elements {
		line, err := json.Marshal(element)
		if err != nil {
			return err
		}
		lines = append(lines, string(line))
	}
	text := fmt.Sprintf("{\"source\": %q, %q: [\n%s\n]}\n", source, key, strings.Join(lines, ",\n"))
	return os.WriteFile(file, []byte(text), 0o644)
}
