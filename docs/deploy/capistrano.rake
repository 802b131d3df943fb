# lib/capistrano/tasks/workerctl.rake
namespace :load do
  task :defaults do
    set :workerctl_roles, :app
    set :workerctl_wait, '15m'
    set :workerctl_config, -> { current_path.join('workerctl.yaml') }
  end
end

namespace :workerctl do
  desc 'Let the workers finish their jobs and start them with the new release'
  task :restart do
    on roles(fetch(:workerctl_roles)) do
      # One text, so that SSHKit leaves it as it is. 124: somebody is still busy, which is no failure.
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
