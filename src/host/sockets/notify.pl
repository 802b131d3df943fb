# Unix datagrams for Node, which has none: receives what workers send by sd_notify(3), and sends to systemd for workerctl.
# notify.py does exactly the same.
#
#   perl notify.pl SOCKET SOCKET_MODE PID
#
# Binds SOCKET (none if that is empty). Prints one line of JSON for each fact:
#
#   {"ready":true}                                 it receives, and the kernel names each sender
#   {"pid":71,"session":70,"hex":"52454144593d31"} a datagram and its sender, from the kernel
#   {"dropped":12}                                 this many more were too long or of an unknown sender
#   {"sent":"us"}, {"sent":"helper"}               sent to systemd, as PID or as the helper, which systemd may ignore
#   {"unsent":"why"}
#   {"error":"why"}                                and the helper exits
#
# A sender may send more in a second than is passed on one by one, and workerctl may be busy: then its datagrams are merged
# into one with the last value of each variable. So a STATUS may be left out, but no READY=1, MAINPID or sign of life.
#
# Each line on standard input is a datagram for systemd: its address and the bytes, both in hexadecimal. The helper exits at the
# end of its input.

use strict;
use warnings;
use Config;
use Errno qw(EAGAIN EINTR);
use Fcntl qw(F_GETFL F_SETFL O_NONBLOCK);
use Socket;

use constant {
  LONGEST      => 4096,  # as systemd has it
  PER_SENDER   => 100,   # datagrams a second that are passed on one by one
  MERGED_EVERY => 0.1,   # seconds
  MOST_SENDERS => 4096,  # whose datagrams are merged at the same time
  MOST_PENDING => 65536, # bytes
  BATCH        => 64,
  CALM         => 2000,  # a second; above it a nap after each batch: a flood waits, and does not take a whole processor
  NAP          => 0.005,
  LOOK_AGAIN   => 60,    # seconds: is the socket still at its path?
};

# Perl has no recvmsg. Numbers of the system calls, from asm/unistd.h; they differ by processor.
my %numbers = (
  x86_64 => [46, 47], aarch64 => [211, 212], riscv64 => [211, 212], loongarch64 => [211, 212],
  powerpc64le => [341, 342], s390x => [370, 372], arm => [296, 297], i686 => [370, 372], i586 => [370, 372],
);
my ($architecture) = $Config{archname} =~ /^([^-]+)/;
my ($sendmsg, $recvmsg) = @{ $numbers{$architecture} || [] };

my ($path, $mode, $parent) = @ARGV;
my $pending = '';
my $commands = '';
my $dropped = 0;
my $second = 0;
my $total = 0;
my %heard;
my %merged; # by sender: its session, and the last value of each variable
my $merged_at = 0;

sub say_json { $pending .= "$_[0]\n" }

sub fail {
  my ($why) = @_;
  $why =~ s/["\\\x00-\x1f]/ /g;
  syswrite STDOUT, "{\"error\":\"$why\"}\n";
  exit 1;
}

# Looked up at once: the process may exit as soon as its datagram is read.
sub session_of {
  my ($pid) = @_;
  open(my $file, '<', "/proc/$pid/stat") or return;
  defined(my $stat = <$file>) or return;
  return (split ' ', substr($stat, rindex($stat, ')') + 2))[3];
}

# One datagram and its sender's pid. The kernel writes to these buffers, so nothing else uses them.
my ($data, $control) = ('', '');
vec($data, LONGEST, 8) = 0;
vec($control, ($Config{ptrsize} == 8 ? 32 : 24) - 1, 8) = 0; # room for the sender and for no descriptor: the kernel closes those
my $vector = pack('P L!', $data, length $data);

sub receive {
  my ($socket) = @_;
  vec($control, $_, 8) = 0 for 0 .. length($control) - 1;
  my $header = pack('P L! P L! P L! i x12', undef, 0, $vector, 1, $control, length $control, 0);
  my $length = syscall($recvmsg, fileno($socket), $header, MSG_DONTWAIT);
  return if $length < 0;
  my (undef, $level, $type, $pid) = unpack('L! i i i', $control);
  return ($length, $level == SOL_SOCKET && $type == SCM_CREDENTIALS ? $pid : 0);
}

# As workerctl itself if permitted (root), as systemd-notify(1) does.
sub send_to_systemd {
  my ($address, $bytes) = @_;
  $address =~ s/^@/\0/;
  socket(my $socket, AF_UNIX, SOCK_DGRAM, 0) or return "{\"unsent\":\"$!\"}";
  setsockopt($socket, SOL_SOCKET, SO_SNDTIMEO, pack('l! l!', 1, 0));
  connect($socket, pack_sockaddr_un($address)) or return "{\"unsent\":\"$!\"}";
  my $iov = pack('P L!', $bytes, length $bytes);
  my ($group) = split ' ', $);
  my $as = pack('L! i i i I I', $Config{ptrsize} == 8 ? 28 : 24, SOL_SOCKET, SCM_CREDENTIALS, $parent, $>, $group);
  $as .= "\0" x 4 if $Config{ptrsize} == 8;
  my $header = pack('P L! P L! P L! i x12', undef, 0, $iov, 1, $as, length $as, 0);
  return '{"sent":"us"}' if syscall($sendmsg, fileno($socket), $header, 0) >= 0;
  defined(send($socket, $bytes, 0)) or return "{\"unsent\":\"$!\"}";
  return '{"sent":"helper"}';
}

sub knows_senders {
  socketpair(my $a, my $b, AF_UNIX, SOCK_DGRAM, 0) or return 0;
  setsockopt($b, SOL_SOCKET, SO_PASSCRED, 1) or return 0;
  send($a, 'x', 0) or return 0;
  my ($length, $pid) = receive($b);
  return defined $pid && $pid == $$ && substr($data, 0, $length) eq 'x';
}

my ($device, $inode) = (0, 0);

# Bound under another name and moved: workers never find it missing, or without its mode.
sub bind_socket {
  socket(my $socket, AF_UNIX, SOCK_DGRAM, 0) or fail("socket: $!");
  setsockopt($socket, SOL_SOCKET, SO_PASSCRED, 1) or fail("SO_PASSCRED: $!");
  my $new = "$path.$$";
  unlink $new;
  umask(0777 & ~oct $mode);
  bind($socket, pack_sockaddr_un($new)) or fail("$new: $!");
  ($device, $inode) = (stat $new)[0, 1];
  rename($new, $path) or do { my $why = "$path: $!"; unlink $new; fail($why) };
  return $socket;
}

sub quit {
  my ($status) = @_;
  my ($found_device, $found_inode) = $path eq '' ? () : (stat $path)[0, 1];
  unlink $path if defined $found_inode && $found_device == $device && $found_inode == $inode;
  exit $status;
}

# Never waits for workerctl: if it does not read, datagrams are merged, and no worker is held up.
sub flush_lines {
  my $written = syswrite STDOUT, $pending;
  return substr($pending, 0, $written, '') if defined $written;
  quit(0) unless $! == EAGAIN || $! == EINTR;
}

sub take_commands {
  my $length = sysread STDIN, my $read, 65536;
  return if !defined $length && ($! == EAGAIN || $! == EINTR);
  quit(0) unless $length;
  $commands .= $read;
  while ($commands =~ s/^([0-9a-f]+) ([0-9a-f]+)\n//) { say_json(send_to_systemd(pack('H*', $1), pack('H*', $2))) }
}

sub say_datagram { say_json(sprintf '{"pid":%d,"session":%d,"hex":"%s"}', $_[0], $_[1], unpack 'H*', $_[2]) }

# Whether the datagram is passed on, now or merged with others of its sender. What was merged stays before what follows.
sub take_datagram {
  my ($pid, $text) = @_;
  my $known = $merged{$pid};
  my $is_one = !$known && ++$heard{$pid} <= PER_SENDER && length $pending < MOST_PENDING;
  return 0 if !$known && !$is_one && keys %merged >= MOST_SENDERS;
  my $session = $known ? $known->{session} : session_of($pid);
  return 0 unless defined $session;
  if ($is_one) { say_datagram($pid, $session, $text) }
  else { merge($merged{$pid} ||= { session => $session, values => {} }, $text) }
  return 1;
}

# The first of two lines with the same name counts, as in systemd. READY=0 does not undo READY=1, nor WATCHDOG=1 a trigger.
sub merge {
  my ($known, $text) = @_;
  $text =~ s/\0+\z//;
  return if $text =~ /\0/;
  my %values;
  for (split /\n/, $text) {
    my ($name, $value) = /^(READY|STOPPING|RELOADING|WATCHDOG|WATCHDOG_USEC|STATUS|MAINPID|ERRNO|EXTEND_TIMEOUT_USEC)=(.*)/ or next;
    $values{$name} = $value unless exists $values{$name};
  }
  for (keys %values) {
    my $before = $known->{values}{$_} // '';
    $known->{values}{$_} = $values{$_} unless /^(?:READY|STOPPING)$/ && $before eq '1' || $_ eq 'WATCHDOG' && $before eq 'trigger';
  }
}

sub uptime {
  open(my $file, '<', '/proc/uptime') or return time;
  return (split ' ', <$file>)[0];
}

sub say_merged {
  my $now = uptime();
  return if $now >= $merged_at && $now - $merged_at < MERGED_EVERY;
  $merged_at = $now;
  for my $pid (keys %merged) {
    my $values = $merged{$pid}{values};
    say_datagram($pid, $merged{$pid}{session}, join "\n", map { "$_=$values->{$_}" } keys %$values);
  }
  %merged = ();
}

sub take_datagrams {
  my ($socket) = @_;
  if (time != $second) { ($second, $total, %heard) = (time, 0) }
  for (1 .. BATCH) {
    my ($length, $pid) = receive($socket);
    last unless defined $length;
    $total++;
    my $is_valid = $length > 0 && $length <= LONGEST && $pid > 0;
    $dropped++ unless $is_valid && take_datagram($pid, substr $data, 0, $length);
  }
  select undef, undef, undef, NAP if $total > CALM;
}

# systemd signals all processes of a service that it stops, and workerctl still has something to send.
$SIG{$_} = 'IGNORE' for qw(HUP INT TERM PIPE);
defined $recvmsg or fail("the number of recvmsg(2) is unknown on $architecture");
knows_senders() or fail('the kernel does not name the sender');
my $socket = $path eq '' ? undef : bind_socket();
fcntl(STDOUT, F_SETFL, fcntl(STDOUT, F_GETFL, 0) | O_NONBLOCK);
say_json('{"ready":true}');

for (;;) {
  say_merged() if %merged && $pending eq '';
  flush_lines() if $pending ne '';
  my ($readable, $writable) = ('', '');
  vec($readable, 0, 1) = 1;
  vec($readable, fileno $socket, 1) = 1 if $socket;
  vec($writable, 1, 1) = 1 if $pending ne '';
  my $found = select $readable, $writable, undef, %merged ? MERGED_EVERY : $dropped ? 1 : LOOK_AGAIN;
  next if $found < 0;
  quit(1) if $found == 0 && $socket && !-e $path;
  take_datagrams($socket) if $socket && vec $readable, fileno $socket, 1;
  take_commands() if vec $readable, 0, 1;
  if ($dropped && $pending eq '' && time != $second) { say_json("{\"dropped\":$dropped}"); $dropped = 0 }
}
