# Enqueues a job for each line `name seconds`, and prints its name when it is in the queue.
import os
import sys
from redis import Redis
from rq import Queue

queue = Queue("jobs", connection=Redis(unix_socket_path=os.environ["REDIS"]))
for line in sys.stdin:
    name, seconds = line.split()
    queue.enqueue("app.work", name, float(seconds), job_timeout=600)
    print(name, flush=True)
