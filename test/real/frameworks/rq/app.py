# The job of this application: `rq worker` imports it from its working directory.
import os
import time


def note(what, name):
    line = f"{what} {name} {os.environ['WORKERCTL_PID']} {round(time.time() * 1000)}\n"
    with open(os.environ["JOURNAL"], "a") as journal:
        journal.write(line)


def work(name, seconds):
    note("begin", name)
    time.sleep(seconds)
    note("end", name)
