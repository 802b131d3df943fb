// Package heartbeat beats as long as the process lives, and says which jobs it has. Any number of goroutines may have jobs
// at the same time, and so may other processes of the instance.
package heartbeat

import (
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"sync"
	"time"
)

var (
	file = os.Getenv("WORKERCTL_HEARTBEAT_FILE")
	// Only the process that workerctl has started writes that file; any other one has a file of its own beside it.
	isMain  = os.Getenv("WORKERCTL_PID") == fmt.Sprint(os.Getpid())
	lock    sync.Mutex
	jobs    = map[int]string{} // the line of each job
	lastKey int
	isStale bool
)

// Start says that this process is idle, and beats from a goroutine of its own.
func Start(every time.Duration) {
	if file == "" {
		return
	}
	lock.Lock()
	write()
	lock.Unlock()
	Beat()
	go func() {
		for range time.Tick(every) {
			Beat()
		}
	}()
}

// Beat gives a sign of life.
func Beat() {
	if file == "" {
		return
	}
	if info, err := os.Stat(file); !isMain && (err != nil || info.Size() == 0) {
		_ = os.WriteFile(file, []byte("jobs 0\n"), 0o644) // the jobs are told in other files
	}
	now := time.Now()
	_ = os.Chtimes(file, now, now)
	lock.Lock()
	defer lock.Unlock()
	if isStale {
		write()
	}
}

// Begin says that a job begins, and returns what says that it has ended.
func Begin(what string) (end func()) {
	if file == "" {
		return func() {}
	}
	text := []rune(strings.Join(strings.Fields(what), " "))
	if len(text) > 200 {
		text = text[:200]
	}
	lock.Lock()
	defer lock.Unlock()
	lastKey++
	key := lastKey
	jobs[key] = fmt.Sprintf("%d %s\n", time.Now().Unix(), string(text))
	write()
	return func() {
		lock.Lock()
		defer lock.Unlock()
		if _, isThere := jobs[key]; isThere {
			delete(jobs, key)
			write()
		}
	}
}

// Busy runs a job: heartbeat.Busy("job 212", func() { ... })
func Busy(what string, work func()) {
	defer Begin(what)()
	work()
}

// The pid, when it was started and its pid namespace tell workerctl when this process is gone.
func ownPath() string {
	if isMain {
		return file
	}
	stat, _ := os.ReadFile("/proc/self/stat")
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	namespace, _ := os.Readlink("/proc/self/ns/pid")
	_ = os.MkdirAll(file+".jobs", 0o777)
	return filepath.Join(file+".jobs", fmt.Sprintf("%d.%s.%s", os.Getpid(), fields[19], strings.Trim(namespace, "pid:[]")))
}

// Never tears the file, and never fails: a full disk must not stop the work.
func write() {
	path := ownPath()
	if len(jobs) == 0 && !isMain {
		_ = os.Remove(path)
		return
	}
	lines := make([]string, 0, len(jobs))
	for _, line := range jobs {
		lines = append(lines, line)
	}
	sort.Strings(lines)
	text := fmt.Sprintf("jobs %d %d\n%s", len(jobs), time.Now().Unix(), strings.Join(lines, ""))
	err := os.WriteFile(path+".new", []byte(text), 0o644)
	if err == nil {
		err = os.Rename(path+".new", path)
	}
	isStale = err != nil
	if isStale {
		_ = os.WriteFile(path, nil, 0o644) // what it said is no longer true
	}
}
