# A delayed_job application without Rails: its root is the working directory, as Delayed::Command has it.
require 'active_record'
require 'delayed_job_active_record'
require_relative 'beat_delayed_job'

ENV['RAILS_ENV'] = 'production'

# Several workers share one SQLite file: a writer waits for its turn instead of failing at once.
ActiveRecord::Base.configurations = {
  'production' => { 'adapter' => 'sqlite3', 'database' => ENV.fetch('DATABASE'), 'timeout' => 10_000 }
}
ActiveRecord::Base.establish_connection
Delayed::Worker.backend = :active_record
Delayed::Worker.sleep_delay = 0.5
# An application of Rails has its logger; this one says what the preset waits for.
Delayed::Worker.logger = Logger.new($stdout)

# Notes its begin and its end; sleeps in between.
Work = Struct.new(:name, :seconds) do
  def perform
    note 'begin'
    sleep seconds
    note 'end'
  end

  private

  def note(what)
    File.write(ENV.fetch('JOURNAL'), "#{what} #{name} #{Process.pid} #{(Time.now.to_f * 1000).round}\n", mode: 'a')
  end
end
