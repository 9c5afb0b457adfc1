package judge

import (
	"slices"
	"strings"

	"netcase"
)

// withoutTwins tells once what two detectors say of one process: that of sockets and that
// of processes apply the same rules, to different records. The finding on the process
// stands, since it knows the start and the login before it; it takes the other's evidence.
func withoutTwins(in []netcase.Finding) []netcase.Finding {
	out := make([]netcase.Finding, 0, len(in))
	var twins []int
	for i := range in {
		if in[i].Owner == nil || twinOf(in, i) < 0 {
			out = append(out, in[i])
			continue
		}
		twins = append(twins, i)
	}
	for _, i := range twins {
		k := slices.IndexFunc(out, func(f netcase.Finding) bool { return f.ID == in[twinOf(in, i)].ID && f.Process != nil })
		f := &out[k]
		f.Evidence = append(slices.Clone(f.Evidence), in[i].Evidence...)
		f.Limits = unique(append(slices.Clone(f.Limits), in[i].Limits...))
	}
	return out
}

// twinOf is the finding on the process that says what a finding on its socket says: the
// same host and image, and the same rule, which its techniques tell. -1: there is none.
func twinOf(all []netcase.Finding, i int) int {
	o := all[i].Owner
	if o.Decibans <= 0 || len(all[i].Technique) == 0 {
		return -1
	}
	return slices.IndexFunc(all, func(f netcase.Finding) bool {
		p := f.Process
		return p != nil && p.Socket == nil && p.Decibans > 0 && p.Host.Key() == o.Host.Key() && strings.EqualFold(p.Image, o.Image) &&
			slices.Equal(f.Technique, all[i].Technique)
	})
}
