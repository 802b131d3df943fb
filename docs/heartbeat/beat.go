// Package heartbeat beats as long as the process lives, and says what it is busy with.
package heartbeat

import (
	"fmt"
	"os"
	"time"
)

var file = os.Getenv("WORKERCTL_HEARTBEAT_FILE")

func say(text string) {
	if file != "" {
		_ = os.WriteFile(file, []byte(text+"\n"), 0o644) // a full disk must not stop the work
	}
}

// Start beats every so often from a goroutine of its own.
func Start(every time.Duration) {
	say("idle")
	if file == "" {
		return
	}
	go func() {
		for range time.Tick(every) {
			now := time.Now()
			_ = os.Chtimes(file, now, now)
		}
	}()
}

// Busy runs a job: heartbeat.Busy("job 212", func() { ... })
func Busy(what string, work func()) {
	say(fmt.Sprintf("busy %s\n%d", what, time.Now().Unix()))
	defer say("idle")
	work()
}
