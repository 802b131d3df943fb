# The same as signal.sh, for many processes: perl takes 40 µs for each of them, and a shell, which reads byte by byte, 400.
#
#   signal.pl [PID START_TIME SIGNAL STOP_FILE MARK]...

use strict;

$SIG{$_} = 'IGNORE' for qw(HUP INT QUIT TERM PIPE);
$| = 1;
my $parent = getppid;

# O_RDWR and O_CREAT on Linux: the module that names them takes 5 ms to load.
my $open_for_writing = 2 | 64;

while (my ($pid, $start_time, $signal, $stop_file, $mark) = splice(@ARGV, 0, 5)) {
  print ask($pid, $start_time, $signal, $stop_file, $mark), "\n";
}

sub ask {
  my ($pid, $start_time, $signal, $stop_file, $mark) = @_;
  return 'gone' unless is_alive($pid, $start_time);
  fault('note');
  # If it is not there any more, it ended just now: a wrapper does when what it waits for has got its signal.
  return is_alive($pid, $start_time) ? 'denied' : 'gone' unless kill($signal, $pid);
  fault('signal');
  if ((-f $stop_file || !-e _) && sysopen(my $file, $stop_file, $open_for_writing)) {
    syswrite($file, $mark);
  }
  return 'sent';
}

sub fault {
  return unless ($ENV{WORKERCTL_TEST_DIE_BEHIND} // '') eq $_[0];
  kill('KILL', $parent) && system('sleep', '0.4');
}

# Behind the last `)`, because a program's name may contain one, the fields begin with the third.
sub is_alive {
  my ($pid, $start_time) = @_;
  open(my $file, '<', "/proc/$pid/stat") or return 0;
  local $/;
  my $stat = <$file> // '';
  my ($state, @fields) = split(' ', substr($stat, rindex($stat, ')') + 1));
  my ($threads, $found) = @fields[16, 18];
  return 0 if !defined $found || $state eq 'X' || ($state eq 'Z' && $threads <= 1);
  return $found eq $start_time;
}
