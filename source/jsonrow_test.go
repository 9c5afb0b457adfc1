package source

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"netcase"
)

// rowSpec is a table with three fields, of which one has two names.
func rowSpec() *tableSpec {
	return &tableSpec{table: "T", width: 3, aliases: map[string]alias{
		"a": {0, 0}, "b": {1, 0}, "b2": {1, 1}, "c": {2, 0},
	}}
}

// rowsOfTable are the rows of a text as lines to compare, and the report.
func rowsOfTable(r io.Reader) (rows []string, report *netcase.InputReport, err error) {
	report = &netcase.InputReport{}
	t := &table{each: func(x *tableRow) error { return nil }}
	t.each = func(x *tableRow) error {
		rows = append(rows, fmt.Sprintf("%d %d %d %q %q", x.line, x.offset, x.item, x.cells[:3], x.raw))
		return nil
	}
	err = readTable(context.Background(), &Input{R: r, Report: report}, rowSpec(), t)
	return rows, report, err
}

// rowText is a random object, now and then a broken one.
func rowText(rng *rand.Rand) string {
	space := func() string { return []string{"", "", "", " ", "\t", "\r\n "}[rng.IntN(6)] }
	values := []string{`"x"`, `""`, `"a\"b"`, `"\\"`, `"\u00e9\n"`, `12`, `-1.5e+3`, `true`, `null`, `{"a":"x}"}`, `[1,"]"]`, `{}`, `"é"`, `" "`, `"\ud83d\ude00"`}
	keys := []string{"a", "b", "b2", "c", "z", "properties", "Type", `\u0061`, "A"}
	var b strings.Builder
	b.WriteString("{" + space())
	for i := range rng.IntN(6) {
		if i > 0 {
			b.WriteString("," + space())
		}
		value := values[rng.IntN(len(values))]
		key := keys[rng.IntN(len(keys))]
		if key == "properties" && rng.IntN(2) == 0 {
			value = `{"a":"deep","properties":{"c":"deeper"}}`
		}
		b.WriteString(`"` + key + `"` + space() + ":" + space() + value + space())
	}
	b.WriteString("}")
	text := b.String()
	if rng.IntN(8) == 0 { // break it
		at := rng.IntN(len(text))
		text = text[:at] + []string{"", ",", "}", "\"", "\\", "x"}[rng.IntN(6)] + text[at+rng.IntN(2):]
	}
	return text
}

// TestRowsInOneGo: a row read in one go is what it is token by token, wherever the
// text is cut by reads, and broken rows are refused alike.
func TestRowsInOneGo(t *testing.T) {
	rng := rand.New(rand.NewPCG(31, 32))
	for range fewer(3000, 500) {
		var rows []string
		for range 1 + rng.IntN(5) {
			rows = append(rows, rowText(rng))
		}
		var text string
		switch rng.IntN(3) {
		case 0:
			for i := range rows {
				rows[i] = strings.NewReplacer("\n", "", "\r", "").Replace(rows[i])
			}
			text = strings.Join(rows, "\n")
		case 1:
			text = "[" + strings.Join(rows, ",\n") + "]"
		case 2:
			text = `{"value":[` + strings.Join(rows, ",") + `]}`
		}
		got, a, errA := rowsOfTable(strings.NewReader(text))
		want, b, errB := rowsSlowly(text)
		if fmt.Sprint(a.Reasons, a.Read, a.Samples, errA) != fmt.Sprint(b.Reasons, b.Read, b.Samples, errB) || !slices.Equal(got, want) {
			t.Fatalf("%s\n got %q %+v %v\nwant %q %+v %v", text, got, a.Reasons, errA, want, b.Reasons, errB)
		}
	}
}

// rowsSlowly reads with the token scanner alone: rows come from a buffer that
// never holds one whole, or lines are read by members.
func rowsSlowly(text string) (rows []string, report *netcase.InputReport, err error) {
	report = &netcase.InputReport{}
	t := &table{slow: true}
	t.each = func(x *tableRow) error {
		rows = append(rows, fmt.Sprintf("%d %d %d %q %q", x.line, x.offset, x.item, x.cells[:3], x.raw))
		return nil
	}
	err = readTable(context.Background(), &Input{R: iotest.OneByteReader(strings.NewReader(text)), Report: report}, rowSpec(), t)
	return rows, report, err
}

// TestRowsReadAsTheirTwin compares with encoding/json.
func TestRowsReadAsTheirTwin(t *testing.T) {
	rng := rand.New(rand.NewPCG(33, 34))
	for range fewer(3000, 500) {
		row := map[string]any{}
		for range rng.IntN(5) {
			row[[]string{"a", "b", "c", "y", "z"}[rng.IntN(5)]] = []any{"x \"y\"\\", "é\u2028\x01", 12, nil, true, []any{"]", 1}, map[string]any{"k": "}"}}[rng.IntN(7)]
		}
		text, err := json.Marshal(row)
		if err != nil {
			t.Fatal(err)
		}
		if rng.IntN(2) == 0 {
			var b bytes.Buffer
			_ = json.Indent(&b, text, " ", "\t")
			text = b.Bytes()
		}
		got, report, err := rowsOfTable(strings.NewReader("[" + string(text) + "]"))
		var cells [3][]byte
		for i, name := range []string{"a", "b", "c"} {
			switch v := row[name].(type) {
			case nil:
			case string:
				cells[i] = []byte(v)
			default:
				var all map[string]json.RawMessage
				_ = json.Unmarshal(text, &all)
				cells[i] = all[name]
			}
		}
		want := fmt.Sprintf("1 1 1 %q %q", cells, text)
		if err != nil || len(got) != 1 || got[0] != want {
			t.Fatalf("%s\n got %q %v %v\nwant %s", text, got, report.Reasons, err, want)
		}
	}
}

func BenchmarkJSONRows(b *testing.B) {
	row := `{"Timestamp":"2025-10-20T14:05:33.1234567Z","DeviceId":"3f1c","DeviceName":"win-vm1","ActionType":"InboundConnectionAccepted","RemoteIP":"198.51.100.23",` +
		`"RemotePort":51234,"RemoteUrl":"","LocalIP":"10.0.0.5","LocalPort":3389,"Protocol":"Tcp","LocalIPType":"Private","RemoteIPType":"Public",` +
		`"InitiatingProcessFileName":"svchost.exe","InitiatingProcessId":1180,"InitiatingProcessCommandLine":"svchost.exe -k NetworkService -s TermService",` +
		`"InitiatingProcessCreationTime":"2025-03-01T08:00:01.2Z","InitiatingProcessParentFileName":"services.exe","ReportId":4411}`
	b.Run("lines", func(b *testing.B) {
		benchmarkFormat(b, defenderNetwork, []byte(strings.Repeat(row+"\n", 100_000)), 100_000)
	})
	b.Run("list", func(b *testing.B) {
		benchmarkFormat(b, defenderNetwork, []byte("["+strings.Repeat(row+",", 99_999)+row+"]"), 100_000)
	})
}
