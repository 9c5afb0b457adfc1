package source

import (
	"slices"
	"strings"

	"netcase"
)

// Analysts export summaries of a table ("| summarize count() by …"): a row stands for
// as many events as its count says, at the time that the query gave it.

// summaryCounts are names of the column that counts, as KQL gives it and as people do.
// No table that is read has a column of its own by these names that means another thing.
var summaryCounts = [...]string{
	"count_", "count", "eventcount", "events", "numberofevents", "totalevents", "attempts", "attemptcount", "totalattempts",
	"failedattempts", "failedattemptcount", "failures", "failurecount", "failedcount", "failedlogons", "failedlogins",
	"successcount", "logoncount", "logincount", "connections", "connectioncount", "hits", "hitcount",
}

// maxStands bounds how many events one row may claim to stand for.
const maxStands = 1 << 40

// The sums of rows of a summary, of all and of those that count nothing.
const (
	sumSummed    = "rows of a summary"
	sumUncounted = "processes of a summary"
)

// kqlSum begins the name that KQL gives to the sum of a column.
const kqlSum = "sum_"

// summaryColumn makes columns of a summary known to a table of a workspace, where the
// format has no meaning of its own for them: the one that counts, and sums of a counter.
func (t *table) summaryColumn(name string, c *column) {
	if t.spec.table == "" {
		return
	}
	if summed, ok := strings.CutPrefix(name, kqlSum); ok {
		c.alias, c.wanted = t.spec.aliases[summed]
		return
	}
	rank := slices.Index(summaryCounts[:], name)
	if rank < 0 {
		return
	}
	c.alias, c.wanted = alias{t.countField(), rank}, true
	t.byQuery = t.byQuery || rank == 0
}

// countField is the field for the count, behind those of the format.
func (t *table) countField() int { return t.spec.width }

// stands tells how many events the row at hand stands for; not ok: its count is none.
// 0: it is no row of a summary.
func (t *table) stands() (n int64, ok bool) {
	if !t.present[t.countField()] || !t.byQuery && slices.ContainsFunc(t.spec.counts, func(f int) bool { return t.present[f] }) {
		return 0, true
	}
	n, present, ok := countIn(t.row.cells[t.countField()])
	if !ok || present && (n < 1 || n > maxStands) {
		return 0, false
	}
	if present {
		t.in.Sum(sumSummed, 1)
	}
	return n, true
}

// summaryRemarks says what was made of a summary.
func summaryRemarks(in *Input) {
	n := in.Sums[sumSummed]
	if n == 0 {
		return
	}
	in.Note("%s of a summary: each was counted as often as its column with the count says, at the one time that it has; "+
		"no cadence can be read from such rows", rowsOf(n))
	if n := in.Sums[sumUncounted]; n > 0 {
		in.Note("in %s of the summary a process was taken once, whatever the count", rowsOf(n))
	}
}

// summed books a flow of a row of a summary as the flows that it stands for.
func (in *Input) summed(f *netcase.Flow) {
	if in.stands == 0 {
		return
	}
	f.Flows = times(f.Flows, in.stands)
	if f.Resolution == netcase.ResolutionRaw || f.Resolution == netcase.ResolutionSampled {
		f.Resolution = netcase.ResolutionUnknown
	}
}

// times multiplies two counts of events, held below what counts in ones.
func times(a, b int64) int64 {
	if b > 0 && a > maxExact/b {
		return maxExact
	}
	return a * b
}
