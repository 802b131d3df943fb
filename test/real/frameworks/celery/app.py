import os
import time
from celery import Celery
import beat_celery  # noqa: F401 (it says the tasks to workerctl)

app = Celery("app", broker="redis+socket://" + os.environ["REDIS"])


def note(what, name):
    line = f"{what} {name} {os.environ['WORKERCTL_PID']} {round(time.time() * 1000)}\n"
    with open(os.environ["JOURNAL"], "a") as journal:
        journal.write(line)


@app.task(ignore_result=True)
def work(name, seconds):
    note("begin", name)
    time.sleep(seconds)
    note("end", name)
