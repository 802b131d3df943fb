# Enqueues a job for each line `name seconds`, and prints its name when it is in the queue.
import sys
from app import work

for line in sys.stdin:
    name, seconds = line.split()
    work.delay(name, float(seconds))
    print(name, flush=True)
