//go:build unix

package main

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"netcase/intel"
	"netcase/intel/database"
)

// TestUpdateKilled stops updates by SIGKILL at random moments: the database opens and
// holds together each time, and nothing that was reported as stored is lost.
// NETCASE_KILLS says how often; few times otherwise.
func TestUpdateKilled(t *testing.T) {
	kills := 6
	if text := os.Getenv("NETCASE_KILLS"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			t.Fatal(err)
		}
		kills = n
	} else if testing.Short() {
		t.Skip("runs the program many times")
	}
	const feeds = 12
	dir := t.TempDir()
	server := changingFeeds(t)
	var settings strings.Builder
	settings.WriteString("feeds:\n")
	args := []string{"intel", "update", "--quiet", "--config", filepath.Join(dir, "netcase.yaml"), "--intel-db", dir}
	for i := range feeds {
		fmt.Fprintf(&settings, "  - {name: feed-%d, url: %s/feed-%d}\n", i, server.URL, i)
		args = append(args, fmt.Sprintf("feed-%d", i))
	}
	if err := os.WriteFile(filepath.Join(dir, "netcase.yaml"), []byte(settings.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	update := func(wait time.Duration) (said string, killed bool) {
		var out, failed bytes.Buffer
		cmd := exec.Command(os.Args[0], args...)
		cmd.Stdout, cmd.Stderr, cmd.Env = &out, &failed, append(os.Environ(), asCommand+"=1", "HOME="+dir)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if wait > 0 {
			time.Sleep(wait)
			_ = cmd.Process.Signal(syscall.SIGKILL) // it may have ended before
		}
		err := cmd.Wait()
		if err != nil && wait == 0 {
			t.Fatalf("%v\n%s", err, failed.String())
		}
		return out.String(), err != nil
	}
	began := time.Now()
	said, _ := update(0)
	took := time.Since(began)
	stored := map[string]string{} // sha256 to feed: what was reported
	if n := reported(said, stored); n != feeds {
		t.Fatalf("an update that nobody stopped reported %d of %d feeds:\n%s", n, feeds, said)
	}
	r := rand.New(rand.NewPCG(uint64(took), 1))
	ended, read := 0, map[string]bool{}
	for done := 0; done < kills; {
		said, killed := update(1 + time.Duration(r.Int64N(int64(took))))
		if killed {
			done++
		} else if ended++; ended > 3*kills {
			t.Fatalf("only %d updates could be killed", done)
		}
		reported(said, stored)
		holds(t, dir, stored, read)
	}
	said, _ = update(0) // and it goes on
	reported(said, stored)
	clear(read)
	holds(t, dir, stored, read)
	t.Logf("%d updates of %s were killed, %d more had ended before; %d documents were reported as stored, and are", kills, took.Round(time.Millisecond), ended, len(stored))
}

// changingFeeds is a server whose lists are different each time they are asked for.
func changingFeeds(t *testing.T) *httptest.Server {
	var asked atomic.Uint64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		r := rand.New(rand.NewPCG(asked.Add(1), 2))
		for range 4000 {
			a := r.Uint32()
			fmt.Fprintf(w, "62.%d.%d.%d\n", a>>16&255, a>>8&255, a&255)
		}
	}))
	t.Cleanup(server.Close)
	return server
}

// reported adds what whole lines of the output report as stored, and counts it.
func reported(said string, stored map[string]string) (n int) {
	for line := range strings.Lines(said) {
		f := strings.Fields(line)
		if strings.HasSuffix(line, "\n") && len(f) == 3 && f[0] == "stored" {
			stored[f[2]] = f[1]
			n++
		}
	}
	return n
}

// holds opens the database and looks for what was reported. Documents that were read
// before are not read again.
func holds(t *testing.T, dir string, stored map[string]string, read map[string]bool) {
	t.Helper()
	ctx := context.Background()
	db, err := database.OpenExisting(ctx, dir, intel.DefaultConfig())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }() // nothing was written
	if err := db.Check(ctx); err != nil {
		t.Fatal(err)
	}
	all, err := db.Snapshots(ctx, "")
	if err != nil {
		t.Fatal(err)
	}
	there := map[string]string{}
	for _, s := range all {
		there[s.SHA256] = s.Feed
		if read[s.SHA256] {
			continue
		}
		read[s.SHA256] = true
		if _, err := db.Body(ctx, s.SHA256); err != nil {
			t.Fatal(err)
		}
	}
	for sha, feed := range stored {
		if there[sha] != feed {
			t.Fatalf("%s %s was reported as stored and is not there", feed, sha)
		}
	}
}
