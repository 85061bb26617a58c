"""A guest that speaks raw FUSE to a server over a socket pair, and the worker that controls it."""

import array
import itertools
import json
import os
import socket
import struct
import subprocess
import tempfile

HEADER = struct.Struct("<IBBHIIQQ")
MAGIC, END, MARKER = 0x53465646, 0x444E4556, b"FASTVM-FS-V0001\n"
HELLO, WELCOME, OPEN, OPENED, CLOSE, FUSE, RECEIVED = range(1, 8)
(LOOKUP, FORGET, GETATTR, SETATTR, READLINK, SYMLINK, MKNOD, MKDIR, UNLINK, RMDIR, RENAME, LINK, FOPEN, READ, WRITE, STATFS, RELEASE) = (
    1, 2, 3, 4, 5, 6, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18)
SETXATTR, GETXATTR, FLUSH, INIT, OPENDIR, READDIR, GETLK, SETLK, SETLKW, CREATE, INTERRUPT, FALLOCATE, READDIRPLUS, RENAME2 = (
    21, 22, 25, 26, 27, 28, 31, 32, 33, 35, 36, 43, 44, 45)
FSYNC, LISTXATTR, REMOVEXATTR, RELEASEDIR, FSYNCDIR, LSEEK, COPY_FILE_RANGE = 20, 23, 24, 29, 30, 46, 47
RDLCK, WRLCK, UNLCK = 0, 1, 2
EVERYTHING = 2**63 - 1


def name(text):
    return (text if isinstance(text, bytes) else text.encode()) + b"\0"


class Worker:
    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        self.rest = b""

    def ask(self, line, body=b"", fds=()):
        ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
        self.socket.sendmsg([line.encode() + b"\n"], ancillary)
        self.socket.sendall(body)
        while b"\n" not in self.rest:
            self.rest += self.receive()
        answer, self.rest = self.rest.split(b"\n", 1)
        answer = json.loads(answer)
        size = answer.get("bytes", 0)
        while len(self.rest) < size:
            self.rest += self.receive()
        body, self.rest = self.rest[:size], self.rest[size:]
        return (answer, body) if size else answer

    def receive(self):
        chunk = self.socket.recv(1 << 20)
        if not chunk:
            raise EOFError("the server is gone")
        return chunk

    def close(self):
        self.socket.close()


class Server:
    """A process, its port's other end, and its worker."""

    def __init__(self, program, *arguments):
        self.folder = tempfile.TemporaryDirectory(prefix="volume-test-")
        self.port, theirs = socket.socketpair()
        self.control = os.path.join(self.folder.name, "control")
        command = [program, "serve", "--port-fd", str(theirs.fileno()), "--control", self.control, *(arguments or ["--unconfined"])]
        self.process = subprocess.Popen(command, pass_fds=[theirs.fileno()], stdout=subprocess.PIPE)
        theirs.close()
        assert self.process.stdout.read(6) == b"ready\n"
        self.worker = Worker(self.control)

    def attach(self, tag, path, **options):
        """As `fastvm-volume attach` does, without a mount of its own."""
        fds = [os.open(path, os.O_PATH)]
        account = options.pop("account", None)
        if account is not None:
            fds.append(os.open(account, os.O_RDWR | os.O_CREAT, 0o600))
            os.truncate(fds[1], 4096) if os.fstat(fds[1]).st_size < 4096 else None
        words = "".join(f" {key}={value}" for key, value in options.items())
        answer = self.worker.ask(f"attach tag={tag}{words}", fds=fds)
        for fd in fds:
            os.close(fd)
        return answer

    def end(self):
        """By the end of its port, so that a sanitizer can tell what was forgotten."""
        self.port.close()
        self.worker.close()
        status = self.process.wait(20)
        self.process.stdout.close()
        self.folder.cleanup()
        return status

    def kill(self):
        self.process.kill()
        self.end()


class Guest:
    """The agent's side of sessions, and a kernel's of one mount. Survives its servers."""

    def __init__(self):
        self.number, self.received, self.unique = 0, 0, 100
        self.answers = {}
        self.unanswered = []
        self.kept = []
        self.port = None

    def connect(self, server, anew=False):
        self.port, self.bytes = server.port, b""
        self.port.settimeout(20)
        kind, _, payload, _ = self.frame(scan=True)
        assert kind == HELLO
        self.nonce, self.has_table, self.done = payload[16:32], payload[32], struct.unpack_from("<Q", payload, 40)[0]
        if anew or not self.has_table:
            self.number = self.received = 0
            self.kept = []
        self.send(WELCOME, 0, MARKER + self.nonce + bytes([anew]) + bytes(7), numbered=False)
        for number, frame in self.kept:
            if number > self.done:
                self.port.sendall(frame)

    def send(self, kind, channel, payload, numbered=True, sends=True):
        self.number += numbered
        number = self.number if numbered else 0
        frame = HEADER.pack(MAGIC, kind, 1, channel, len(payload), 0, number, self.received) + payload + struct.pack("<I", END)
        if numbered:
            self.kept.append((number, frame))
        if sends:
            self.port.sendall(frame)

    def frame(self, scan=False):
        while True:
            if scan:
                at = self.bytes.find(struct.pack("<I", MAGIC))
                self.bytes = self.bytes[at:] if at >= 0 else self.bytes[-3:]
            if len(self.bytes) >= HEADER.size and (not scan or self.bytes.startswith(b"FVFS")):
                magic, kind, _, channel, length, _, number, _ = HEADER.unpack_from(self.bytes)
                assert magic == MAGIC
                whole = HEADER.size + length + 4
                if len(self.bytes) >= whole:
                    payload = self.bytes[HEADER.size : whole - 4]
                    self.bytes = self.bytes[whole:]
                    return kind, channel, payload, number
            chunk = self.port.recv(1 << 20)
            if not chunk:
                raise EOFError("the server is gone")
            self.bytes += chunk

    def mount(self, tag="data", channel=1):
        self.send(OPEN, channel, tag.encode())
        while True:
            kind, _, payload, number = self.frame()
            if kind == OPENED:
                self.received = number
                error, self.mode = struct.unpack("<II", payload)
                break
        if error == 0:
            assert self.ask(INIT, 1, struct.pack("<IIII", 7, 37, 1 << 20, 0xFFFFFFFF), channel=channel)[0] == 0
        return error

    def post(self, opcode, node, body=b"", channel=1, uid=0, gid=0, sends=True):
        self.unique += 1
        header = struct.pack("<IIQQIIII", 40 + len(body), opcode, self.unique, node, uid, gid, 1, 0)
        self.send(FUSE, channel, header + body, sends=sends)
        return self.unique

    def take(self):
        kind, _, payload, number = self.frame()
        if kind in (FUSE, OPENED) and number == self.received + 1:
            self.received = number
            if kind == FUSE:
                length, error, unique = struct.unpack_from("<IiQ", payload)
                assert length == len(payload)
                assert unique not in self.answers, "answered twice"
                self.answers[unique] = (-error, payload[16:])

    def answer(self, unique):
        while unique not in self.answers:
            self.take()
        return self.answers.pop(unique)

    def ask(self, opcode, node, body=b"", **options):
        return self.answer(self.post(opcode, node, body, **options))

    # What a kernel asks for.

    def lookup(self, parent, text):
        error, out = self.ask(LOOKUP, parent, name(text))
        return error, struct.unpack_from("<Q", out)[0] if error == 0 else 0

    def create(self, parent, text, flags=os.O_RDWR, mode=0o644, **options):
        error, out = self.ask(CREATE, parent, struct.pack("<IIII", flags, mode | 0o100000, 0, 0) + name(text), **options)
        return (error, struct.unpack_from("<Q", out)[0], struct.unpack_from("<Q", out, 128)[0]) if error == 0 else (error, 0, 0)

    def open(self, node, flags=os.O_RDWR):
        error, out = self.ask(FOPEN, node, struct.pack("<II", flags, 0))
        return error, struct.unpack_from("<Q", out)[0] if error == 0 else 0

    def read(self, node, handle, offset=0, size=100):
        return self.ask(READ, node, struct.pack("<QQIIQII", handle, offset, size, 0, 0, 0, 0))

    def write_body(self, handle, data, offset=0, flags=0):
        return struct.pack("<QQIIQII", handle, offset, len(data), 0, 0, flags, 0) + data

    def write(self, node, handle, data, offset=0, flags=0):
        return self.ask(WRITE, node, self.write_body(handle, data, offset, flags))[0]

    def lock_body(self, handle, owner, kind, start=0, end=EVERYTHING, flock=0):
        return struct.pack("<QQQQIIII", handle, owner, start, end, kind, 7, flock, 0)

    def lock(self, node, handle, owner, kind, start=0, end=EVERYTHING, flock=0):
        return self.ask(SETLK, node, self.lock_body(handle, owner, kind, start, end, flock))[0]

    def attributes(self, node):
        error, out = self.ask(GETATTR, node, bytes(16))
        if error:
            return error, None
        values = struct.unpack_from("<QQQQQQIIIIIIIII", out, 16)
        return 0, dict(zip(("ino", "size", "blocks"), values[:3])) | {"mode": values[9], "nlink": values[10], "uid": values[11], "gid": values[12]}


counter = itertools.count()
