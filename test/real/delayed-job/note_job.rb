JOURNAL = File.expand_path('journal.log')

# Notes its begin and its end, with the pid and the moment in milliseconds; sleeps in between.
NoteJob = Struct.new(:name, :seconds) do
  def perform
    note 'begin'
    sleep seconds
    note 'end'
  end

  private

  def note(what)
    File.write(JOURNAL, "#{what} #{name} #{Process.pid} #{(Time.now.to_f * 1000).round}\n", mode: 'a')
  end
end
