<?php
// Says which jobs a process has: Heartbeat::busy('job 212', fn () => ...), or begin() and end().
// PHP has no second thread: beat between the steps of a job, with Heartbeat::beat(). Forked processes may have jobs as well.
final class Heartbeat
{
    private static array $jobs = []; // by a key of its own: the line of a job
    private static int $lastKey = 0;
    private static int $pid = 0;

    /** Says that this process is idle. */
    public static function start(): void
    {
        if (self::isOn()) {
            self::write();
            self::beat();
        }
    }

    /** A sign of life. */
    public static function beat(): void
    {
        if (!self::isOn()) {
            return;
        }
        clearstatcache();
        if ((int) @filesize(self::file()) === 0) {
            // In the file of the main process, others say only that the jobs are told elsewhere.
            self::isMain() ? self::write() : @file_put_contents(self::file(), "jobs 0\n");
        }
        @touch(self::file());
    }

    /** A job begins. Returns a key for end(). */
    public static function begin(string $what): int
    {
        if (self::isOn()) {
            $text = substr(trim(preg_replace('/\s+/', ' ', $what)), 0, 200);
            self::$jobs[++self::$lastKey] = time() . " $text\n";
            self::write();
        }
        return self::$lastKey;
    }

    /** A job has ended. It may be called twice. */
    public static function end(int $key): void
    {
        if (self::isOn() && isset(self::$jobs[$key])) {
            unset(self::$jobs[$key]);
            self::write();
        }
    }

    public static function busy(string $what, callable $work): mixed
    {
        $key = self::begin($what);
        try {
            return $work();
        } finally {
            self::end($key);
        }
    }

    private static function file(): string
    {
        return (string) getenv('WORKERCTL_HEARTBEAT_FILE');
    }

    private static function isMain(): bool
    {
        return getenv('WORKERCTL_PID') === (string) getmypid();
    }

    /** A forked process has none of the jobs of its parent. */
    private static function isOn(): bool
    {
        if (self::$pid !== getmypid()) {
            self::$jobs = [];
            self::$pid = getmypid();
        }
        return self::file() !== '';
    }

    /** The pid, when it was started and its pid namespace tell workerctl when this process is gone. */
    private static function ownPath(): string
    {
        if (self::isMain()) {
            return self::file();
        }
        $stat = (string) @file_get_contents('/proc/self/stat');
        $started = explode(' ', substr($stat, strrpos($stat, ')') + 2))[19];
        $namespace = preg_replace('/\D/', '', (string) @readlink('/proc/self/ns/pid'));
        @mkdir(self::file() . '.jobs', 0777, true);
        return self::file() . '.jobs/' . getmypid() . ".$started.$namespace";
    }

    /** Never tears the file, and never fails: a full disk must not stop the work. */
    private static function write(): void
    {
        $path = self::ownPath();
        if (self::$jobs === [] && !self::isMain()) {
            @unlink($path);
            return;
        }
        $text = 'jobs ' . count(self::$jobs) . ' ' . time() . "\n" . implode('', self::$jobs);
        if (@file_put_contents("$path.new", $text) !== strlen($text) || !@rename("$path.new", $path)) {
            @file_put_contents($path, ''); // what it said is no longer true
        }
    }
}
