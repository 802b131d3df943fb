# A request is a job: it notes its begin and its end, and sleeps in between.
import os
import time
from urllib.parse import parse_qs


def note(what, name):
    line = f"{what} {name} {os.environ['WORKERCTL_PID']} {round(time.time() * 1000)}\n"
    with open(os.environ["JOURNAL"], "a") as journal:
        journal.write(line)


def application(environ, start_response):
    query = parse_qs(environ["QUERY_STRING"])
    name = query["name"][0]
    note("begin", name)
    time.sleep(float(query["seconds"][0]))
    note("end", name)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [name.encode()]
