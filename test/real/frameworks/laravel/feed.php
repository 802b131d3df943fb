<?php
// Enqueues a job for each line `name seconds`, and prints its name when it is in the queue.
$app = require __DIR__ . '/bootstrap/app.php';
$app->make(Illuminate\Contracts\Console\Kernel::class)->bootstrap();
while (($line = fgets(STDIN)) !== false) {
    [$name, $seconds] = explode(' ', trim($line));
    $app->make('queue')->push(new Work($name, (float) $seconds));
    echo $name, "\n";
}
