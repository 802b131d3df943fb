<?php
// PHP has no second thread: beat between the steps of a job. beat('busy job 212') when it begins, beat() in its loop.
function beat(?string $text = null): void
{
    $file = getenv('WORKERCTL_HEARTBEAT_FILE');
    if ($file === false) {
        return;
    }
    if ($text === null) {
        @touch($file);
    } else {
        @file_put_contents($file, $text . "\n" . time() . "\n"); // a full disk must not stop the work
    }
}
