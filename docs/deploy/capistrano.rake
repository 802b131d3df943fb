# lib/capistrano/tasks/workerctl.rake
namespace :load do
  task :defaults do
    set :workerctl_roles, :app
    set :workerctl_wait, '15m'
    set :workerctl_config, -> { current_path.join('workerctl.yaml') }
  end
end

namespace :workerctl do
  desc 'Restart the workers on the new release; each finishes its job first'
  task :restart do
    on roles(fetch(:workerctl_roles)) do
      # One string, which SSHKit does not change. 124: an instance is still busy, which is not a failure.
      execute "workerctl restart --graceful --wait #{fetch(:workerctl_wait)} " \
              "--config #{fetch(:workerctl_config)} || [ $? -eq 124 ]"
    end
  end

  desc 'Show the workers'
  task :status do
    on roles(fetch(:workerctl_roles)) do
      puts capture("workerctl status --config #{fetch(:workerctl_config)} || [ $? -eq 3 ]")
    end
  end
end

# Before deploy:cleanup, which removes old releases.
after 'deploy:published', 'workerctl:restart'
