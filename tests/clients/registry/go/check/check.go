// Package check prints one line per check and waits for conditions with a deadline, as
// tests/clients/checks.py does.
package check

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

var Broker = os.Getenv("BROKER")

var failed bool

// Failure is what a check that does not hold panics with.
type Failure struct{ why string }

// Has tells whether the broker serves a feature (transactions, consumer-groups).
func Has(feature string) bool {
	for _, each := range strings.Fields(os.Getenv("FEATURES")) {
		if each == feature {
			return true
		}
	}
	return false
}

func Patience() time.Duration {
	seconds, err := strconv.ParseFloat(os.Getenv("PATIENCE"), 64)
	if err != nil {
		seconds = 40
	}
	return time.Duration(seconds * float64(time.Second))
}

func Run(name string, action func()) {
	defer func() {
		if reason := recover(); reason != nil {
			failed = true
			why, ok := reason.(Failure)
			if !ok {
				why.why = fmt.Sprint(reason)
			}
			fmt.Printf("not ok %s: %s\n", name, strings.ReplaceAll(why.why, "\n", " | "))
			return
		}
		fmt.Printf("ok %s\n", name)
	}()
	action()
}

// Finish ends the process.
func Finish() {
	if failed {
		os.Exit(1)
	}
	os.Exit(0)
}

func Fail(format string, arguments ...any) {
	panic(Failure{fmt.Sprintf(format, arguments...)})
}

func Try(err error, what string) {
	if err != nil {
		Fail("%s: %v", what, err)
	}
}

func Equal(seen, wanted any, what string) {
	if fmt.Sprint(seen) != fmt.Sprint(wanted) {
		Fail("%s: expected %v, saw %v", what, wanted, seen)
	}
}

// Until looks again and again until the condition holds; Fail ends it with what it waited for.
func Until(what string, condition func() bool) {
	deadline := time.Now().Add(Patience())
	for !condition() {
		if time.Now().After(deadline) {
			Fail("waited %v for %s", Patience(), what)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// WaitPast answers a time in milliseconds that is later than this one.
func WaitPast(milliseconds int64) int64 {
	Until("the clock", func() bool { return time.Now().UnixMilli() > milliseconds+1 })
	return time.Now().UnixMilli()
}

func Unique(name string) string {
	random := make([]byte, 4)
	_, _ = rand.Read(random)
	return name + "-" + hex.EncodeToString(random)
}
