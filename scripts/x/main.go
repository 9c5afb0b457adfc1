package main

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"runtime/pprof"
	"time"
	"netcase/hunt"
	"netcase/store"
)

func main() {
	f, _ := os.Create("/tmp/inv.prof")
	pprof.StartCPUProfile(f)
	cfg := hunt.DefaultConfig()
	cfg.Paths, cfg.Out = os.Args[1:], "/tmp/xcase"
	os.RemoveAll("/tmp/xcase")
	t := time.Now()
	last := 0
	cfg.Progress = func(p store.Progress) {
		if p.Pass*100+p.Done != last { last = p.Pass*100+p.Done; var m runtime.MemStats; runtime.ReadMemStats(&m); fmt.Println(time.Since(t), p.Pass, p.Done, m.HeapInuse>>20, m.Sys>>20) }
	}
	go func() {
		var most uint64
		for { time.Sleep(time.Second); var m runtime.MemStats; runtime.ReadMemStats(&m); if m.HeapInuse > most+most/10 { most = m.HeapInuse; h, _ := os.Create("/tmp/inuse.prof"); pprof.Lookup("heap").WriteTo(h, 0); h.Close() } }
	}()
	cfg.Memory = 512<<20
	_, err := hunt.Run(context.Background(), cfg)
	pprof.StopCPUProfile()
	fmt.Println(time.Since(t), err)
	h, _ := os.Create("/tmp/heap.prof")
	pprof.Lookup("allocs").WriteTo(h, 0)
}
