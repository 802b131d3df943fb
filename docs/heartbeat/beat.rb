# Beats as long as this process lives, and says what it is busy with: Heartbeat.busy("job 212") { ... }
module Heartbeat
  FILE = ENV["WORKERCTL_HEARTBEAT_FILE"]

  def self.start(every: 5)
    return if FILE.nil?
    say("idle")
    Thread.new do
      loop do
        sleep every
        File.utime(nil, nil, FILE) rescue nil
      end
    end
  end

  def self.busy(what)
    say("busy #{what}\n#{Time.now.to_i}")
    yield
  ensure
    say("idle")
  end

  def self.say(text)
    File.write(FILE, "#{text}\n") if FILE
  rescue SystemCallError
    nil # a full disk must not stop the work
  end
end
