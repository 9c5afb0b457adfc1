package casebook

import (
	"fmt"
	"reflect"
	"strings"

	"netcase"
)

// checkCitations reports every id that a case cites and that nothing has.
func checkCitations(c *netcase.Case, records map[string]string, r *Result) {
	known := idsOf(c, r)
	known["record"] = map[string]bool{}
	for id := range records {
		known["record"][id] = true
	}
	for id, input := range records {
		if len(known["input"]) > 0 && !known["input"][input] {
			r.add(RecordsFile, Unsound, "record %q is of input %q, which the case does not have", id, input)
		}
	}
	r.Evidence = len(known["evidence"])
	cited(reflect.ValueOf(c).Elem(), "", func(place, kind, id string) {
		if !known[kind][id] {
			r.add(CaseFile, Unsound, "%s cites %s %q, which does not exist", place, kind, id)
		}
	})
}

// idsOf are the ids that a case gives, by what they are ids of. Evidence that
// differs and has one id is a problem: a citation of it says nothing.
func idsOf(c *netcase.Case, r *Result) map[string]map[string]bool {
	known := map[string]map[string]bool{"evidence": {}, "finding": {}, "input": {}}
	first := map[string]*netcase.Evidence{}
	for e := range c.AllEvidence {
		if old := first[e.ID]; old != nil && !reflect.DeepEqual(old, e) {
			r.add(CaseFile, Unsound, "evidence %q stands for two different measurements", e.ID)
		}
		first[e.ID] = e
		known["evidence"][e.ID] = true
	}
	for _, f := range c.Findings {
		known["finding"][f.ID] = true
	}
	for _, in := range c.Coverage.Inputs {
		known["input"][in.ID] = true
	}
	return known
}

// citations are the fields that cite: by the type that holds them, or by "" where
// any does.
func citations() map[[2]string]string {
	return map[[2]string]string{
		{"", "Evidence"}:        "evidence",
		{"Evidence", "Records"}: "record",
		{"Evidence", "Inputs"}:  "input",
		{"Group", "Findings"}:   "finding",
	}
}

var stringList = reflect.TypeFor[[]string]()

// cited calls f for every id that v cites, with the place in the JSON. The depth
// is that of the types of a case, none of which holds itself.
func cited(v reflect.Value, place string, f func(place, kind, id string)) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			cited(v.Elem(), place, f)
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Struct {
			for i := range v.Len() {
				cited(v.Index(i), fmt.Sprintf("%s[%d]", place, i), f)
			}
		}
	case reflect.Struct:
		for i := range v.NumField() {
			field := v.Type().Field(i)
			if !field.IsExported() {
				continue
			}
			name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
			inner := strings.TrimPrefix(place+"."+name, ".")
			if field.Type == stringList {
				citedList(v.Field(i), v.Type().Name(), field.Name, inner, f)
				continue
			}
			cited(v.Field(i), inner, f)
		}
	}
}

func citedList(v reflect.Value, holder, field, place string, f func(place, kind, id string)) {
	kind := citations()[[2]string{holder, field}]
	if kind == "" {
		kind = citations()[[2]string{"", field}]
	}
	if kind == "" {
		return
	}
	for i := range v.Len() {
		f(fmt.Sprintf("%s[%d]", place, i), kind, v.Index(i).String())
	}
}
