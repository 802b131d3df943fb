# Beats as long as this process lives, and says which jobs it has: Heartbeat.busy("job 212") { ... }
# Any number of threads may have jobs at the same time, and so may processes that were forked.
module Heartbeat
  FILE = ENV["WORKERCTL_HEARTBEAT_FILE"]

  @lock = Mutex.new
  @jobs = {} # by a key of its own: when it began, and what it is
  @pid = Process.pid

  class << self
    # Says that this process is idle, and beats from a thread of its own.
    def start(every: 5)
      return if FILE.nil?
      locked { write }
      beat
      Thread.new do
        loop do
          sleep every
          beat
        end
      end
    end

    # A sign of life. `start` gives one again and again; without it, call this from the loop of a job.
    def beat
      return if FILE.nil?
      # The process that workerctl has started writes it; from any other one it says that the jobs are told elsewhere.
      File.write(FILE, "jobs 0\n") unless main? || File.size?(FILE)
      File.utime(nil, nil, FILE)
      locked { write } if @stale
    rescue SystemCallError
      nil
    end

    # A job begins. Returns a key for `finish`.
    def begin(what)
      key = Object.new
      text = what.to_s.split.join(" ")[0, 200]
      locked { write { @jobs[key] = [Time.now.to_i, text] } } if FILE
      key
    end

    # A job has ended. It may be called twice, and by another thread than `begin`.
    def finish(key)
      locked { write { @jobs.delete(key) } if @jobs.key?(key) } if FILE
    end

    def busy(what)
      key = self.begin(what)
      yield
    ensure
      finish(key) if key
    end

    private

    def main?
      ENV["WORKERCTL_PID"] == Process.pid.to_s
    end

    # A forked process has none of the jobs of its parent.
    def locked
      @lock = Mutex.new if @pid != Process.pid
      @lock.synchronize do
        @jobs, @path, @pid = {}, nil, Process.pid if @pid != Process.pid
        yield
      end
    end

    # The pid, when it was started and its pid namespace tell workerctl when this process is gone.
    def own_path
      return FILE if main?
      started = File.read("/proc/self/stat").rpartition(")").last.split[19]
      namespace = File.readlink("/proc/self/ns/pid")[/\d+/]
      Dir.mkdir("#{FILE}.jobs") unless Dir.exist?("#{FILE}.jobs")
      "#{FILE}.jobs/#{Process.pid}.#{started}.#{namespace}"
    rescue Errno::EEXIST
      retry
    end

    # Never tears the file, and never fails: a full disk must not stop the work.
    def write
      yield if block_given?
      @path ||= own_path
      if @jobs.empty? && !main?
        File.unlink(@path) if File.exist?(@path)
      else
        lines = @jobs.values.sort.map { |since, what| "#{since} #{what}\n" }
        File.write("#{@path}.new", "jobs #{@jobs.size} #{Time.now.to_i}\n#{lines.join}")
        File.rename("#{@path}.new", @path)
      end
      @stale = false
    rescue SystemCallError
      @stale = true
      File.write(@path, "") rescue nil # what it said is no longer true
    end
  end
end
