// The yardstick of Go: connects and resets, as a Go programmer would write it: a goroutine for each
// connect in flight, net.Dialer, and SetLinger(0) so that no TIME_WAIT is left.
//
//	connect-go <job>
//
// The job is a RateJob of src/job.ts as JSON, and so is the RateSample that is printed. CPU time is
// that of the whole process, as a goroutine has no thread of its own.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

const fewest = 500

type job struct {
	Addresses []struct {
		Host string
		Port int
	}
	WarmUp, InFlight, MostConnects int
	DurationMs                     float64
}

type sample struct {
	Connected    int64   `json:"connected"`
	Refused      int64   `json:"refused"`
	Other        int64   `json:"other"`
	FirstError   string  `json:"firstError"`
	ElapsedMs    float64 `json:"elapsedMs"`
	CPUMs        float64 `json:"cpuMs"`
	ProcessCPUMs float64 `json:"processCpuMs"`
}

func run(targets []string, inFlight, count int) (result sample) {
	// Less than the default, which takes three system calls a connect for its keep-alive.
	dialer := net.Dialer{KeepAlive: -1}
	var begun atomic.Int64
	var wait sync.WaitGroup
	var first atomic.Value
	connectOne := func(target string) {
		conn, err := dialer.Dial("tcp", target)
		switch {
		case err == nil:
			conn.(*net.TCPConn).SetLinger(0)
			conn.Close()
			atomic.AddInt64(&result.Connected, 1)
		case errors.Is(err, syscall.ECONNREFUSED):
			atomic.AddInt64(&result.Refused, 1)
		default:
			first.CompareAndSwap(nil, err.Error())
			atomic.AddInt64(&result.Other, 1)
		}
	}
	for i := 0; i < inFlight; i++ {
		wait.Add(1)
		go func() {
			defer wait.Done()
			for {
				index := begun.Add(1) - 1
				if index >= int64(count) {
					return
				}
				connectOne(targets[index%int64(len(targets))])
			}
		}()
	}
	wait.Wait()
	if err, ok := first.Load().(string); ok {
		result.FirstError = err
	}
	return result
}

func cpuMs() float64 {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		panic(err)
	}
	return float64(usage.Utime.Nano()+usage.Stime.Nano()) / 1e6
}

func milliseconds(since time.Time) float64 {
	return float64(time.Since(since).Nanoseconds()) / 1e6
}

func main() {
	var work job
	if err := json.Unmarshal([]byte(os.Args[1]), &work); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	targets := make([]string, len(work.Addresses))
	for i, address := range work.Addresses {
		targets[i] = net.JoinHostPort(address.Host, strconv.Itoa(address.Port))
	}
	half := (work.WarmUp + 1) / 2
	run(targets, work.InFlight, half)
	begun := time.Now()
	run(targets, work.InFlight, half)
	count := math.Round(float64(half) / milliseconds(begun) * work.DurationMs)
	count = math.Min(math.Max(count, fewest), float64(work.MostConnects))

	cpuBefore := cpuMs()
	begun = time.Now()
	result := run(targets, work.InFlight, int(count))
	result.ElapsedMs = milliseconds(begun)
	result.ProcessCPUMs = cpuMs() - cpuBefore
	result.CPUMs = result.ProcessCPUMs
	if err := json.NewEncoder(os.Stdout).Encode(result); err != nil {
		panic(err)
	}
}
