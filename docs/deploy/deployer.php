<?php

// deploy/workerctl.php; in deploy.php, below the recipe:  require __DIR__ . '/deploy/workerctl.php';

namespace Deployer;

set('workerctl_wait', '15m');
set('workerctl_config', '{{deploy_path}}/current/workerctl.yaml');
add('shared_dirs', ['workerctl', 'log']); // state_dir and log_dir are in shared/

desc('Restarts the workers on the new release; each finishes its job first');
task('workerctl:restart', function () {
    // timeout 0: no limit. Deployer's own is 300 s, and null means these 300 s too.
    // 124: an instance is still busy, which is not a failure.
    run(
        'workerctl restart --graceful --wait {{workerctl_wait}} --config {{workerctl_config}} || [ $? -eq 124 ]',
        timeout: 0
    );
});

// Before deploy:cleanup, which removes old releases.
after('deploy:symlink', 'workerctl:restart');
after('deploy:failed', 'deploy:unlock');
