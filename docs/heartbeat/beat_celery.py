# Celery says its tasks, those of its pool processes and threads as well: `import beat_celery` in the module of the application.
from celery import signals

import beat

_keys = {}


@signals.worker_ready.connect
def _start(**_):
    beat.start()


@signals.task_prerun.connect
def _begin(task_id, task, **_):
    _keys[task_id] = beat.begin(f"{task.name} {task_id}")


@signals.task_postrun.connect
def _end(task_id, **_):
    beat.end(_keys.pop(task_id, None))
