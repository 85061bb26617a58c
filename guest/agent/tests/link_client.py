"""The host's end of the guest link as the tests need it: it can speak correctly, and break every rule on purpose.

Blocking, one thread. Every wait has a deadline, so that an agent that hangs fails its test and nothing more.
"""

import os
import select
import socket
import struct
import time

WINDOW = 262_144
MAX_PAYLOAD = 65_536
ZEROS = bytes(65_549)
MARKER = b"FASTVM-LINK-V1\r\n"

HELLO, WELCOME, IDENTITY, IDENTITY_DONE, PING, PONG, MORE = 1, 2, 3, 4, 5, 6, 15
OPEN_EXEC, OPEN_WRITE, OPEN_READ, OPEN_DIAL, OPEN_FORWARD, OPEN_VERB = 16, 17, 18, 19, 20, 21
DATA, DATA_ERR, END, CREDIT, SIGNAL, RESIZE, RESET, EXIT, DONE = 32, 33, 34, 35, 36, 37, 38, 39, 40
AT = 41
PROCESS = 42
OPEN_JOB = 22
OPEN_DATAGRAMS = 23
ARG, ENV, CWD, USER, PTY, STDIN, WORKDIR, LIMIT, RESTRICTED, TELL_PROCESS = 1, 2, 3, 4, 5, 6, 7, 8, 9, 10
PATH, MODE, MTIME, FLAGS, VERB, TO, DEPTH = 16, 17, 18, 19, 20, 21, 22
JOB, JOB_VERB, OFFSET, TIMEOUT_MS, SIGNAL_NUMBER, CLOSES, RING_BYTES, FOLLOW = 24, 25, 26, 27, 28, 29, 30, 31
JOB_INFO, PID, STARTED, OUTPUT, ENDED, RESTORES, CUT = 80, 81, 82, 83, 84, 85, 86
JOB_START, JOB_ATTACH, JOB_INPUT, JOB_SIGNAL, JOB_RESIZE, JOB_LIST, JOB_REMOVE = 1, 2, 3, 4, 5, 6, 7
ENTROPY, CLOCK, HOSTNAME, FILE, GROW_ROOT, COMMAND, FORWARD, ONLY_FORWARD, CONTENT = 32, 33, 34, 35, 36, 37, 38, 40, 48
ENTRY, TYPE, SIZE, MTIME_NS, UID, GID, TARGET, EVENT, FREE_RUNS = 64, 65, 66, 67, 68, 69, 70, 71, 72

DEADLINE_S = 20.0


class AgentGone(Exception):
    """The agent closed the connection."""


def field(tag, value):
    if isinstance(value, str):
        value = value.encode()
    return struct.pack("<HHI", tag, 0, len(value)) + value


def argv(*words):
    return b"".join(field(ARG, word) for word in words)


def shell(script):
    return argv("/bin/sh", "-c", script) + field(ENV, "PATH=/usr/local/bin:/usr/bin:/bin")


def frame(kind, session, stream, payload=b"", last=0x5F):
    return struct.pack("<BBHII", 0xF5, kind, session, stream, len(payload)) + payload + bytes([last])


class Output:
    """What one stream has sent so far."""

    def __init__(self, kind=None):
        self.kind = kind
        self.processes = []
        self.stdout = bytearray()
        self.stderr = bytearray()
        self.ended = False
        self.credit = 0
        self.received = 0
        self.final = None
        self.done = None
        # Where output goes on, and how much of it had come by then.
        self.places = []

    @property
    def exit(self):
        """(code, errno, nanoseconds, diagnostic) or None."""
        if self.final is None or self.final[0] != EXIT:
            return None
        code, errno, nanoseconds = struct.unpack_from("<iIQ", self.final[1])
        return code, errno, nanoseconds, self.final[1][16:].decode()


class Link:
    def __init__(self, path, generation=bytes(16), greet=True):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(DEADLINE_S)
        self.socket.connect(path)
        self.buffer = bytearray()
        self.streams = {}
        self.pongs = []
        self.welcomes = []
        self.identity = None
        self.forwards = []
        self.next_stream = 1
        self.gives_credit = True
        self.sink = None
        if greet:
            self.socket.sendall(ZEROS)
            self.hello(generation)

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # What the host sends.

    def hello(self, generation, session=None, nonce=None):
        self.session = session or struct.unpack("<H", os.urandom(2))[0] | 1
        self.nonce = nonce or os.urandom(16)
        before = len(self.welcomes)
        self.socket.sendall(frame(HELLO, self.session, 0, MARKER + generation + self.nonce))
        self.wait(lambda: any(w[:16] == self.nonce for w in self.welcomes[before:]))

    def send(self, kind, stream, payload=b""):
        self.socket.sendall(frame(kind, self.session, stream, payload))

    def open(self, kind, request, piece=MAX_PAYLOAD, stream=None):
        if stream is None:
            stream = self.next_stream
            self.next_stream += 1
        self.streams[stream] = Output(kind)
        while len(request) > piece:
            self.send(MORE, stream, request[:piece])
            request = request[piece:]
        self.send(kind, stream, request)
        return stream

    def data(self, stream, payload):
        """Sends all of it, in the window that the agent leaves."""
        output = self.streams[stream]
        sent = 0
        while sent < len(payload):
            room = WINDOW + output.credit - output.received
            if room <= 0:
                self.wait(lambda: output.credit + WINDOW > output.received or output.final)
                if output.final:
                    return
                continue
            piece = payload[sent : sent + min(room, MAX_PAYLOAD)]
            self.send(DATA, stream, piece)
            output.received += len(piece)
            sent += len(piece)

    def ping(self, deadline=DEADLINE_S):
        payload = os.urandom(8)
        self.send(PING, 0, payload)
        self.wait(lambda: payload in self.pongs, deadline)

    def identify(self, request):
        self.identity = None
        self.open(IDENTITY, request, stream=0)
        self.wait(lambda: self.identity is not None)
        return struct.unpack_from("<I", self.identity)[0], self.identity[4:].decode()

    def run(self, request, stdin=None, deadline=DEADLINE_S):
        """Runs a command to its end; returns its Output."""
        stream = self.open(OPEN_EXEC, request)
        if stdin is not None:
            self.data(stream, stdin)
            self.send(END, stream)
        return self.finish(stream, deadline)

    def finish(self, stream, deadline=DEADLINE_S):
        output = self.streams[stream]
        self.wait(lambda: output.final is not None, deadline)
        return output

    # What the agent sends.

    def wait(self, condition, deadline=DEADLINE_S):
        until = time.monotonic() + deadline
        while not condition():
            left = until - time.monotonic()
            if left <= 0:
                raise TimeoutError("the agent did not answer in time")
            self.pump(left)

    def pump(self, timeout):
        """Takes what has arrived, or waits for something."""
        if not select.select([self.socket], [], [], timeout)[0]:
            return False
        chunk = self.socket.recv(1 << 18)
        if not chunk:
            raise AgentGone()
        self.buffer += chunk
        at = 0
        while len(self.buffer) - at >= 12:
            first, kind, session, stream, length = struct.unpack_from("<BBHII", self.buffer, at)
            assert first == 0xF5 and length <= MAX_PAYLOAD, f"the agent sent garbage at {at}"
            if len(self.buffer) - at < 13 + length:
                break
            assert self.buffer[at + 12 + length] == 0x5F, "a frame of the agent does not end with 0x5F"
            payload = bytes(self.buffer[at + 12 : at + 12 + length])
            at += 13 + length
            if kind == WELCOME or session == self.session:
                self.take(kind, stream, payload)
        del self.buffer[:at]
        return True

    def take(self, kind, stream, payload):
        if kind == WELCOME:
            self.welcomes.append(payload)
        elif kind == PONG:
            self.pongs.append(payload)
        elif kind == IDENTITY_DONE:
            self.identity = payload
        elif kind == OPEN_FORWARD:
            self.streams[stream] = Output()
            self.forwards.append((stream, struct.unpack_from("<H", payload)[0]))
        else:
            self.take_of_stream(self.streams[stream], kind, stream, payload)

    def take_of_stream(self, output, kind, stream, payload):
        assert output.final is None, f"a frame of kind {kind} behind the last one of its stream"
        if kind in (DATA, DATA_ERR):
            if self.sink is not None:
                self.sink(payload)
            elif kind == DATA:
                output.stdout += payload
            else:
                output.stderr += payload
            if self.gives_credit:
                self.send(CREDIT, stream, struct.pack("<I", len(payload)))
        elif kind == END:
            output.ended = True
        elif kind == CREDIT:
            output.credit += struct.unpack("<I", payload)[0]
            assert output.credit <= output.received, "the agent gave back more than it got"
        elif kind == AT:
            output.places.append((struct.unpack("<Q", payload)[0], len(output.stdout) + len(output.stderr)))
        elif kind == PROCESS:
            output.processes.append(struct.unpack("<II", payload))
        elif kind == DONE and output.done is None:
            output.done = struct.unpack_from("<I", payload)[0], payload[4:].decode()
            if output.kind not in (OPEN_DIAL, OPEN_DATAGRAMS) or output.done[0] != 0:
                output.final = (kind, payload)
        elif kind in (EXIT, DONE, RESET):
            output.final = (kind, payload)
        else:
            raise AssertionError(f"the agent sent a frame of kind {kind}")
