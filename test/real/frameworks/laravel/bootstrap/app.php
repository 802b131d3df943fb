<?php
// A Laravel application without the parts that a queue worker does not need.
require_once 'Illuminate/autoload.php';
require_once __DIR__ . '/../Work.php';
require_once __DIR__ . '/../HeartbeatServiceProvider.php';

// Debian's framework is of an older PHP than its own.
error_reporting(E_ALL & ~E_DEPRECATED);
$app = new Illuminate\Foundation\Application(dirname(__DIR__));
@mkdir($app->bootstrapPath('cache'));
@mkdir($app->storagePath() . '/framework/cache', 0777, true);
$app->singleton(Illuminate\Contracts\Console\Kernel::class, Illuminate\Foundation\Console\Kernel::class);
$app->singleton(Illuminate\Contracts\Debug\ExceptionHandler::class, Illuminate\Foundation\Exceptions\Handler::class);
return $app;
