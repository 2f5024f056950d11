// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

// The Go peers: yield, channel round trip, queues, spawn and join, and the nearest thing Go has to a future.
// Usage: go-peers ROW COUNT; prints "ROW nanoseconds_per_operation".
package main

import (
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// yield: two goroutines hand the processor to each other, as our two greenlets do.
func yield(count int) {
	var done sync.WaitGroup
	done.Add(2)
	for i := 0; i < 2; i++ {
		go func() {
			defer done.Done()
			for n := 0; n < count/2; n++ {
				runtime.Gosched()
			}
		}()
	}
	done.Wait()
}

// channel: one round trip is a value there and an answer back, both unbuffered.
func channel(count int) {
	there, back := make(chan int), make(chan int)
	go func() {
		for value := range there {
			back <- value
		}
	}()
	for n := 0; n < count; n++ {
		there <- n
		<-back
	}
	close(there)
}

// queue: put and get in one goroutine, through a buffered channel.
func queue(count int) {
	elements := make(chan int, 16)
	for n := 0; n < count; n++ {
		elements <- n
		<-elements
	}
}

// queue-threads: a producer on one thread, a consumer on another.
func queueThreads(count int) {
	runtime.GOMAXPROCS(2)
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	elements := make(chan int, 64)
	go func() {
		runtime.LockOSThread()
		for n := 0; n < count; n++ {
			elements <- n
		}
	}()
	for n := 0; n < count; n++ {
		<-elements
	}
}

// signal: each is sent when the one before has been received.
func signals(count int) {
	arrived := make(chan os.Signal, 1)
	signal.Notify(arrived, syscall.SIGUSR1)
	for n := 0; n < count; n++ {
		syscall.Kill(syscall.Getpid(), syscall.SIGUSR1)
		<-arrived
	}
	signal.Stop(arrived)
}

func spawnJoin(count int) {
	for n := 0; n < count; n++ {
		done := make(chan struct{})
		go func() { close(done) }()
		<-done
	}
}

// future: each value travels through a channel of its own, made by the one who waits.
func future(count int) {
	requests := make(chan chan int, 1)
	go func() {
		for request := range requests {
			request <- 1
		}
	}()
	for n := 0; n < count; n++ {
		reply := make(chan int, 1)
		requests <- reply
		<-reply
	}
	close(requests)
}

func main() {
	rows := map[string]func(int){
		"yield": yield, "channel": channel, "queue": queue, "queue-threads": queueThreads, "spawn-join": spawnJoin,
		"future": future, "signal": signals,
	}
	if len(os.Args) != 3 || rows[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "usage: go-peers yield|channel|queue|queue-threads|spawn-join|future|signal COUNT")
		os.Exit(2)
	}
	count, err := strconv.Atoi(os.Args[2])
	if err != nil || count < 10 {
		fmt.Fprintln(os.Stderr, "COUNT is a number, 10 or more")
		os.Exit(2)
	}
	runtime.GOMAXPROCS(1)
	row := rows[os.Args[1]]
	row(count / 10)
	start := time.Now()
	row(count)
	fmt.Printf("%s %.3f\n", os.Args[1], float64(time.Since(start).Nanoseconds())/float64(count))
}
