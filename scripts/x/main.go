package main

import (
	"context"
	"fmt"
	"os"
	"runtime/pprof"
	"netcase/hunt"
)

func main() {
	f, _ := os.Create("/tmp/inv.prof")
	pprof.StartCPUProfile(f)
	cfg := hunt.Config{Paths: os.Args[1:], Out: "/tmp/xcase"}
	os.RemoveAll("/tmp/xcase")
	_, err := hunt.Run(context.Background(), cfg)
	pprof.StopCPUProfile()
	fmt.Println(err)
}
