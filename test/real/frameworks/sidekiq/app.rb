require 'sidekiq'
require_relative 'beat_sidekiq'

Sidekiq.configure_server { |config| config.redis = { path: ENV.fetch('REDIS') } }
Sidekiq.configure_client { |config| config.redis = { path: ENV.fetch('REDIS') } }

# Notes its begin and its end; sleeps in between.
class Work
  include Sidekiq::Worker
  sidekiq_options queue: 'jobs'

  def perform(name, seconds)
    note 'begin', name
    sleep seconds
    note 'end', name
  end

  private

  def note(what, name)
    File.write(ENV.fetch('JOURNAL'), "#{what} #{name} #{Process.pid} #{(Time.now.to_f * 1000).round}\n", mode: 'a')
  end
end
