package main

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"runtime/pprof"
	"time"

	"netcase"
	"netcase/source"
	"netcase/store"
)

func main() {
	runtime.GOMAXPROCS(1)
	f, _ := os.Create("/tmp/fold.prof")
	found, err := source.Find(os.Args[1:], source.Options{})
	if err != nil {
		panic(err)
	}
	pprof.StartCPUProfile(f)
	t := time.Now()
	m, err := store.Fold(context.Background(), store.Config{Workers: 1}, &netcase.Site{}, found)
	fmt.Println(time.Since(t), err, len(m.Coverage().Inputs))
	pprof.StopCPUProfile()
}
