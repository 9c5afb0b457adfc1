package hunt

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"net/netip"
	"path"
	"path/filepath"
	"slices"

	"netcase"
	"netcase/detect"
	"netcase/intel"
	"netcase/intel/service"
	"netcase/judge"
	"netcase/store"
)

// answersDir is where a case keeps what services answered.
const answersDir = "evidence/intel"

// maxPlan is how many addresses a plan names: more than the free accounts of all
// services answer in a day.
const maxPlan = 1000

// weighing is one way from intelligence to a draft.
type weighing struct {
	known    *intel.Set
	found    detect.Result
	question judge.Input
	draft    *netcase.Case
}

// weigh detects and judges with the intelligence that is at hand. before is an
// earlier weighing of the same traffic, nil where there is none: without new answers
// the detectors would find the same.
func (c *Config) weigh(ctx context.Context, answers *store.Memory, lists *opened, before *weighing) (*weighing, error) {
	w := &weighing{}
	var err error
	if before != nil && len(lists.said.Answers) == 0 {
		w.known, w.found = before.known, before.found
	} else {
		if w.known, err = lists.load(ctx, c, c.window(answers)); err != nil {
			return nil, err
		}
		c.stage("asking the detectors")
		if w.found, err = detect.Run(ctx, c.request(answers, w.known)); err != nil {
			return nil, err
		}
	}
	c.stage("weighing the evidence")
	w.question = c.question(w.found, w.known, lists, answers)
	w.draft, err = judge.Draft(w.question)
	return w, err
}

// ask asks the services, within their quotas, about the addresses whose answers could
// change the judgement most; what the case keeps already is not asked again. It tells
// whether there is anything new to judge with.
func (c *Config) ask(ctx context.Context, q judge.Input, lists *opened) (bool, error) {
	asking := service.Asking{}
	if c.Asking != nil {
		asking = *c.Asking
	}
	kept := service.Kept{Result: service.Merge(lists.said, lists.former)}
	asking.Kept = &kept
	if len(asking.Services) == 0 && lists.former.Empty() {
		return false, nil
	}
	wishes, err := judge.Plan(q, maxPlan)
	if err != nil {
		return false, err
	}
	plan := make([]netip.Addr, len(wishes))
	for i, w := range wishes {
		plan[i] = w.Address
	}
	if len(asking.Services) > 0 {
		c.stage("asking the services")
	}
	said, err := asking.Ask(ctx, plan)
	for _, e := range said.Errors {
		c.warn(e)
	}
	if err != nil {
		return false, err
	}
	lists.said = service.Merge(said, lists.said.Without(asking.Lookups()))
	return !said.Empty(), nil
}

func (c *Config) warn(err error) {
	if c.Warn != nil {
		c.Warn(err)
	}
}

// readFormer reads what the case that is written anew keeps of services.
func (c *Config) readFormer(o *opened) {
	dir := filepath.Join(c.Out, filepath.FromSlash(answersDir))
	if c.Out == "" || !service.IsKept(dir) {
		return
	}
	kept, err := service.ReadKept(dir)
	if err != nil {
		c.warn(err) // it will be replaced
		return
	}
	o.former = kept.Result
}

// readKept reads kept answers that were given with --intel.
func (c *Config) readKept(o *opened, dir string) error {
	kept, err := service.ReadKept(dir)
	if err != nil {
		return fmt.Errorf("--intel %s: %w", dir, err)
	}
	for _, e := range kept.Errors {
		c.warn(e)
	}
	o.said = service.Merge(o.said, kept.Result)
	return nil
}

// answerFiles are the answers as lists to load.
func answerFiles(said *service.Result) []intel.File {
	out := make([]intel.File, len(said.Answers))
	for i := range said.Answers {
		out[i] = said.Answers[i].File()
	}
	return out
}

// askedAbout are the addresses that some service answered about, those in a network
// that was asked as a whole among them.
func askedAbout(said *service.Result) map[netip.Addr]bool {
	out := map[netip.Addr]bool{}
	for i := range said.Answers {
		o := said.Answers[i].Observable
		if a, err := netip.ParseAddr(o); err == nil {
			out[a] = true
			continue
		}
		const widest = 8 // bits of the addresses in a network that is asked as a whole
		if p, err := netip.ParsePrefix(o); err == nil && p.Addr().BitLen()-p.Bits() <= widest {
			for a := p.Addr(); p.Contains(a); a = a.Next() {
				out[a] = true
			}
		}
	}
	return out
}

// keepAnswers adds what services said to the files of the case, as it came.
func keepAnswers(files map[string][]byte, said *service.Result) error {
	if said.Empty() {
		return nil
	}
	kept, err := said.Files()
	if err != nil {
		return err
	}
	for name, b := range kept {
		files[path.Join(answersDir, name)] = b
	}
	return nil
}

// gathered are the reports on the lists, with the answers of each look-up as one
// feed: a thousand answers are not a thousand lists. Each stands by itself, with its
// hash and its time, in the index beside the kept answers.
func gathered(feeds []netcase.FeedReport, said *service.Result) []netcase.FeedReport {
	lookup := map[string]string{} // by the name of the file
	for i := range said.Answers {
		lookup[said.Answers[i].File().Name] = said.Answers[i].Provider
	}
	if len(lookup) == 0 {
		return feeds
	}
	var out []netcase.FeedReport
	of := map[string][]netcase.FeedReport{}
	for _, f := range feeds {
		if name, ok := lookup[f.Name]; ok {
			of[name] = append(of[name], f)
		} else {
			out = append(out, f)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(of)) {
		out = append(out, together(name, of[name]))
	}
	return out
}

// maxSamples is how many samples of the answers of one look-up are kept.
const maxSamples = 5

// together is the reports on the answers of one look-up as one, learned when the last
// of them was.
func together(lookup string, of []netcase.FeedReport) netcase.FeedReport {
	sum := netcase.FeedReport{Name: "answers of " + lookup, LearnedBy: netcase.LearnedByAsking, Reasons: map[string]int64{}}
	h := sha256.New()
	for _, f := range of { // sorted by name, as the set has them
		_, _ = fmt.Fprintln(h, f.Name, f.SHA256, f.Learned) // a hash never fails
		sum.Format, sum.Provider = cmp.Or(sum.Format, f.Format), cmp.Or(sum.Provider, f.Provider)
		sum.Learned = max(sum.Learned, f.Learned)
		sum.Read, sum.Usable, sum.Skipped = sum.Read+f.Read, sum.Usable+f.Usable, sum.Skipped+f.Skipped
		sum.Refused, sum.Duplicate = sum.Refused+f.Refused, sum.Duplicate+f.Duplicate
		for r, n := range f.Reasons {
			sum.Reasons[r] += n
		}
		if len(sum.Samples) < maxSamples {
			sum.Samples = append(sum.Samples, f.Samples[:min(len(f.Samples), maxSamples-len(sum.Samples))]...)
		}
		sum.Error = cmp.Or(sum.Error, f.Error)
	}
	if len(sum.Reasons) == 0 {
		sum.Reasons = nil
	}
	sum.SHA256 = hex.EncodeToString(h.Sum(nil))
	return sum
}
