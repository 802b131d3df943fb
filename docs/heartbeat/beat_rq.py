# A worker of RQ that says its job, and can be made quiet: rq worker -w beat_rq.HeartbeatWorker QUEUE
#
#     stop: { quiet: USR2, resume: CONT }
#
# USR2: it finishes the job at hand and takes no more. CONT: it takes jobs again. TERM ends it between two jobs: rq's own worker
# leaves a fetch in the middle, and with it the job that Redis was just handing over.
import signal
import time

from rq import Worker
from rq.worker import StopRequested

import beat


class HeartbeatWorker(Worker):
    _is_quiet = False

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        wait_for_turn = self._wait_for_turn

        class Fetch(self.queue_class):
            """Fetches for a second at a time, and never while the worker is quiet."""

            @classmethod
            def dequeue_any(cls, queues, timeout, *args, **kwargs):
                wait_for_turn()
                return super().dequeue_any(queues, timeout and 1, *args, **kwargs)

        self.queue_class = Fetch

    def work(self, *args, **kwargs):
        beat.start()
        return super().work(*args, **kwargs)

    def execute_job(self, job, queue):
        name = (job.description or "job").partition("(")[0]
        with beat.busy(f"{name} {job.id}"):
            return super().execute_job(job, queue)

    def _install_signal_handlers(self):
        super()._install_signal_handlers()
        signal.signal(signal.SIGUSR2, self._make_quiet)
        signal.signal(signal.SIGCONT, self._take_jobs)

    def _make_quiet(self, signum, frame):
        self._is_quiet = True

    def _take_jobs(self, signum, frame):
        self._is_quiet = False

    def _shutdown(self):
        try:
            super()._shutdown()
        except StopRequested:
            # It may be fetching, and the job would be lost: it stops before the next fetch.
            self._stop_requested = True

    def _wait_for_turn(self):
        seen = time.monotonic()
        while self._is_quiet and not self._stop_requested:
            time.sleep(0.1)
            if time.monotonic() - seen > 30:
                self.heartbeat()  # Redis forgets a worker that has none
                seen = time.monotonic()
        if self._stop_requested:
            raise StopRequested()
