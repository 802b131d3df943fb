# Beats as long as this process lives, and says which jobs it has: with busy("job 212"): ...
# Any number of threads may have jobs at the same time, and so may processes that were forked.
import contextlib
import os
import threading
import time

FILE = os.environ.get("WORKERCTL_HEARTBEAT_FILE")
# Only the process that workerctl has started writes that file; any other one has a file of its own beside it.
IS_MAIN = os.environ.get("WORKERCTL_PID") == str(os.getpid())

_lock = threading.RLock()
_jobs = {}  # by a key of its own: when it began, and what it is
_path = None
_is_stale = False


def _forget():
    """A forked process has none of the jobs of its parent, and the lock may have been held by a thread that it lacks."""
    global _lock, _path, _is_stale, IS_MAIN
    _lock, _path, _is_stale, IS_MAIN = threading.RLock(), None, False, False
    _jobs.clear()


os.register_at_fork(after_in_child=_forget)


def _own_path():
    """The pid, when it was started and its pid namespace tell workerctl when this process is gone."""
    if IS_MAIN:
        return FILE
    with open("/proc/self/stat") as file:
        started = file.read().rpartition(")")[2].split()[19]
    namespace = os.readlink("/proc/self/ns/pid").strip("pid:[]")
    os.makedirs(FILE + ".jobs", exist_ok=True)
    return f"{FILE}.jobs/{os.getpid()}.{started}.{namespace}"


def _write():
    """Never tears the file, and never fails: a full disk must not stop the work."""
    global _path, _is_stale
    lines = [f"jobs {len(_jobs)} {int(time.time())}"]
    lines += [f"{began} {what}" for began, what in sorted(_jobs.values())]
    try:
        _path = _path or _own_path()
        if not _jobs and not IS_MAIN:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(_path)
        else:
            with open(_path + ".new", "w") as file:
                file.write("\n".join(lines) + "\n")
            os.replace(_path + ".new", _path)
        _is_stale = False
    except OSError:
        _is_stale = True
        with contextlib.suppress(OSError, TypeError):
            open(_path, "w").close()  # what it said is no longer true


def beat():
    """A sign of life. `start` gives one again and again; without it, call this from the loop of a job."""
    if FILE is None:
        return
    with contextlib.suppress(OSError):
        if not IS_MAIN and (not os.path.exists(FILE) or os.path.getsize(FILE) == 0):
            with open(FILE, "w") as file:
                file.write("jobs 0\n")  # the jobs are told in other files
        os.utime(FILE)
    if _is_stale:
        with _lock:
            _write()


def start(every=5):
    """Says that this process is idle, and beats from a thread of its own."""

    def loop():
        while True:
            time.sleep(every)
            beat()

    if FILE is None:
        return
    with _lock:
        _write()
    beat()
    threading.Thread(target=loop, daemon=True).start()


def begin(what):
    """A job begins. Returns a key for `end`."""
    key = object()
    if FILE is not None:
        with _lock:
            _jobs[key] = (int(time.time()), " ".join(str(what).split())[:200])
            _write()
    return key


def end(key):
    """A job has ended. It may be called twice, and by another thread than `begin`."""
    if FILE is None:
        return
    with _lock:
        if _jobs.pop(key, None) is not None:
            _write()


@contextlib.contextmanager
def busy(what):
    key = begin(what)
    try:
        yield
    finally:
        end(key)
