<?php
// Enqueues a job for each line `name seconds`, and prints its name when it is in the queue.
require __DIR__ . '/app.php';

$transport = transport();
while (($line = fgets(STDIN)) !== false) {
    [$name, $seconds] = explode(' ', trim($line));
    $transport->send(new Symfony\Component\Messenger\Envelope(new Work($name, (float) $seconds)));
    echo $name, "\n";
}
