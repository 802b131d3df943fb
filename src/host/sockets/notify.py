# Unix datagrams for Node, which has none: the same as notify.pl, for hosts without perl. Its output is described there.
#
#   python3 -I -S notify.py SOCKET SOCKET_MODE PID

import os
import re
import select
import signal
import socket
import struct
import sys
import time

LONGEST = 4096
PER_SENDER = 100
MERGED_EVERY = 0.1
MOST_SENDERS = 4096
MOST_PENDING = 65536
BATCH = 64
CALM = 2000
NAP = 0.005
LOOK_AGAIN = 60
CREDENTIALS = struct.Struct('3i')
VARIABLE = re.compile(b'(READY|STOPPING|RELOADING|WATCHDOG|WATCHDOG_USEC|STATUS|MAINPID|ERRNO|EXTEND_TIMEOUT_USEC)=(.*)')

path, mode, parent = sys.argv[1:4]
pending = b''
commands = b''
dropped = 0
second = 0
total = 0
heard = {}
merged = {}
merged_at = 0
bound = None


def say(line):
    global pending
    pending += line.encode() + b'\n'


def words(error):
    return str(getattr(error, 'strerror', None) or error)


def fail(why):
    plain = ''.join(' ' if char in '"\\' or char < ' ' else char for char in why)
    os.write(1, ('{"error":"%s"}\n' % plain).encode(errors='replace'))
    os._exit(1)


def session_of(pid):
    try:
        with open('/proc/%d/stat' % pid, 'rb') as file:
            return int(file.read().rpartition(b')')[2].split()[3])
    except (OSError, IndexError):
        return None


def receive(listener):
    # Room for the sender and for no descriptor: the kernel closes those.
    data, control, _, _ = listener.recvmsg(
        LONGEST + 1, socket.CMSG_SPACE(CREDENTIALS.size), socket.MSG_DONTWAIT)
    for level, kind, value in control:
        if (level, kind, len(value)) == (socket.SOL_SOCKET, socket.SCM_CREDENTIALS, CREDENTIALS.size):
            return data, CREDENTIALS.unpack(value)[0]
    return data, 0


def send_to_systemd(address, data):
    if address.startswith(b'@'):
        address = b'\0' + address[1:]
    credentials = CREDENTIALS.pack(int(parent), os.geteuid(), os.getegid())
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.settimeout(1)
            sender.connect(address)
            try:
                sender.sendmsg([data], [(socket.SOL_SOCKET, socket.SCM_CREDENTIALS, credentials)])
                return '{"sent":"us"}'
            except PermissionError:
                sender.send(data)
                return '{"sent":"helper"}'
    except OSError as error:
        return '{"unsent":"%s"}' % words(error)


def knows_senders():
    a, b = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with a, b:
        b.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        a.send(b'x')
        return receive(b) == (b'x', os.getpid())


def bind_socket():
    global bound
    new = '%s.%d' % (path, os.getpid())
    try:
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        if os.path.lexists(new):
            os.unlink(new)
        os.umask(0o777 & ~int(mode, 8))
        listener.bind(new)
        bound = os.stat(new)
        os.rename(new, path)
    except OSError as error:
        if os.path.lexists(new):
            os.unlink(new)
        fail('%s: %s' % (path, words(error)))
    return listener


def quit(status):
    try:
        if bound is not None and os.path.samestat(os.stat(path), bound):
            os.unlink(path)
    except OSError:
        pass
    os._exit(status)


def flush_lines():
    global pending
    try:
        pending = pending[os.write(1, pending):]
    except BlockingIOError:
        pass
    except OSError:
        quit(0)


def take_commands():
    global commands
    read = os.read(0, 65536)
    if not read:
        quit(0)
    *lines, commands = (commands + read).split(b'\n')
    for line in lines:
        say(send_to_systemd(*(bytes.fromhex(word) for word in line.decode().split())))


def say_datagram(pid, session, data):
    say('{"pid":%d,"session":%d,"hex":"%s"}' % (pid, session, data.hex()))


def take_datagram(pid, data):
    known = merged.get(pid)
    is_one = False
    if known is None:
        heard[pid] = heard.get(pid, 0) + 1
        is_one = heard[pid] <= PER_SENDER and len(pending) < MOST_PENDING
        if not is_one and len(merged) >= MOST_SENDERS:
            return False
    session = known[0] if known else session_of(pid)
    if session is None:
        return False
    if is_one:
        say_datagram(pid, session, data)
    else:
        merge(merged.setdefault(pid, (session, {}))[1], data)
    return True


def merge(known, data):
    text = data.rstrip(b'\0')
    if b'\0' in text:
        return
    values = {}
    for line in text.split(b'\n'):
        found = VARIABLE.match(line)
        if found:
            values.setdefault(*found.groups())
    for name, value in values.items():
        before = known.get(name)
        is_final = (name in (b'READY', b'STOPPING') and before == b'1') or (name == b'WATCHDOG' and before == b'trigger')
        if not is_final:
            known[name] = value


def say_merged():
    global merged_at, merged
    if time.monotonic() - merged_at < MERGED_EVERY:
        return
    merged_at = time.monotonic()
    for pid, (session, values) in merged.items():
        say_datagram(pid, session, b'\n'.join(b'%s=%s' % pair for pair in values.items()))
    merged = {}


def take_datagrams(listener):
    global second, total, heard, dropped
    if int(time.time()) != second:
        second, total, heard = int(time.time()), 0, {}
    for _ in range(BATCH):
        try:
            data, pid = receive(listener)
        except BlockingIOError:
            break
        total += 1
        is_valid = 0 < len(data) <= LONGEST and pid > 0
        if not (is_valid and take_datagram(pid, data)):
            dropped += 1
    if total > CALM:
        time.sleep(NAP)


for ignored in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM, signal.SIGPIPE):
    signal.signal(ignored, signal.SIG_IGN)
if not knows_senders():
    fail('the kernel does not name the sender')
listener = bind_socket() if path else None
os.set_blocking(1, False)
say('{"ready":true}')

while True:
    if merged and not pending:
        say_merged()
    if pending:
        flush_lines()
    wanted = [0] if listener is None else [0, listener]
    readable, writable, _ = select.select(wanted, [1] if pending else [], [],
                                       MERGED_EVERY if merged else 1 if dropped else LOOK_AGAIN)
    if not readable and not writable and listener is not None and not os.path.exists(path):
        quit(1)
    if listener in readable:
        take_datagrams(listener)
    if 0 in readable:
        take_commands()
    if dropped and not pending and int(time.time()) != second:
        say('{"dropped":%d}' % dropped)
        dropped = 0
