"""The curl of images that have none, against a server that answers what each test says: python3 curl_tests.py path/of/curl [test names]"""

import contextlib
import os
import socket
import subprocess
import sys
import tempfile
import threading
import unittest

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
# As the SDKs' helpers say it.
PUT = ("--fail", "--silent", "--show-error", "--globoff", "-X", "PUT", "-H", "Content-Type: application/octet-stream")


class Server:
    """Takes one request, whole or up to `enough` bytes, and answers."""

    def __init__(self, answer, enough=None, address="127.0.0.1"):
        self.answer, self.enough, self.request = answer, enough, b""
        self.listener = socket.create_server((address, 0))
        self.authority = f"{address}:{self.listener.getsockname()[1]}"
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        peer, _ = self.listener.accept()
        with peer:
            while not self.is_whole() and (data := peer.recv(65536)):
                self.request += data
            with contextlib.suppress(OSError):
                peer.sendall(self.answer)

    def is_whole(self):
        if self.enough is not None:
            return len(self.request) >= self.enough
        head, end, body = self.request.partition(b"\r\n\r\n")
        if end == b"":
            return False
        if b"chunked" in head:
            return body.endswith(b"0\r\n\r\n")
        length = [int(line[15:]) for line in head.split(b"\r\n") if line.startswith(b"Content-Length:")]
        return len(body) >= (length[0] if length else 0)

    @property
    def head(self):
        return self.request.partition(b"\r\n\r\n")[0].split(b"\r\n")

    @property
    def body(self):
        return self.request.partition(b"\r\n\r\n")[2]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.close()
        self.thread.join(10)


def unchunked(body):
    content = b""
    while body:
        size, _, body = body.partition(b"\r\n")
        content, body = content + body[:int(size, 16)], body[int(size, 16) + 2:]
    return content


def curl(*args, **options):
    return subprocess.run((Curl.program, *args), capture_output=True, timeout=60, check=False, **options)


class Curl(unittest.TestCase):
    program = ""

    def get(self, answer, *args):
        with Server(answer) as server:
            return curl(*args, f"http://{server.authority}/path?a=b#c"), server

    def test_get(self):
        ended, server = self.get(OK, "-fsS", "-H", "X-One: 1", "-HX-Two: 2")
        self.assertEqual((ended.returncode, ended.stdout, ended.stderr), (0, b"hello", b""))
        self.assertEqual(server.head[0], b"GET /path?a=b HTTP/1.1")
        self.assertTrue({b"X-One: 1", b"X-Two: 2", b"Host: " + server.authority.encode()} <= set(server.head))

    def test_answers_of_every_form(self):
        for answer in (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n",
                       b"HTTP/1.0 200 OK\r\n\r\nhello", b"HTTP/1.1 100 Continue\r\n\r\n" + OK):
            ended, _ = self.get(answer)
            self.assertEqual((ended.returncode, ended.stdout), (0, b"hello"), answer)
        ended, _ = self.get(b"HTTP/1.1 204 No Content\r\n\r\n")
        self.assertEqual((ended.returncode, ended.stdout), (0, b""))

    def test_answers_that_break_off(self):
        for answer in (b"", b"nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Le", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello",
                       b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello",
                       b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
                       b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nhello\r\n"):
            ended, _ = self.get(answer, "-fsS")
            self.assertEqual(ended.returncode, 52, answer)
            self.assertIn(b"curl: (52)", ended.stderr)

    def test_errors_are_failures_when_asked_for(self):
        answer = b"HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\ngone"
        ended, _ = self.get(answer)
        self.assertEqual((ended.returncode, ended.stdout), (0, b"gone"))
        ended, _ = self.get(answer, "-f", "-sS")
        self.assertEqual((ended.returncode, ended.stdout), (22, b""))
        self.assertIn(b"404", ended.stderr)
        ended, _ = self.get(answer, "-fs")
        self.assertEqual((ended.returncode, ended.stderr), (22, b""))

    def test_put_of_a_file_has_its_length(self):
        content = os.urandom(1_000_000)
        with tempfile.NamedTemporaryFile() as file, Server(OK) as server:
            file.write(content)
            file.flush()
            ended = curl(*PUT, "-T", file.name, f"http://{server.authority}/x")
        self.assertEqual(ended.returncode, 0, ended.stderr)
        self.assertEqual(server.head[0], b"PUT /x HTTP/1.1")
        self.assertIn(b"Content-Length: 1000000", server.head)
        self.assertEqual(server.body, content)

    def test_put_of_what_is_read_comes_in_pieces(self):
        for content in (b"", os.urandom(300_000)):
            with Server(OK) as server:
                ended = curl(*PUT, "-T", "-", f"http://{server.authority}/x", input=content)
            self.assertEqual(ended.returncode, 0, ended.stderr)
            self.assertIn(b"Transfer-Encoding: chunked", server.head)
            self.assertEqual(unchunked(server.body), content)

    def test_who_answers_before_all_was_sent_is_heard(self):
        with Server(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n", enough=100) as server:
            ended = curl(*PUT, "-T", "-", f"http://{server.authority}/x", input=b"x" * 200_000)
        self.assertIn(ended.returncode, (22, 52))

    def test_output_goes_to_a_file(self):
        with tempfile.TemporaryDirectory() as folder:
            ended, _ = self.get(OK, "-o", f"{folder}/out")
            self.assertEqual((ended.returncode, ended.stdout), (0, b""))
            with open(f"{folder}/out", "rb") as file:
                self.assertEqual(file.read(), b"hello")
            ended, _ = self.get(OK, "--output", f"{folder}/no/out")
            self.assertEqual(ended.returncode, 23)

    def test_https_is_spoken_without_tls_within_the_machine_and_nowhere_else(self):
        with Server(OK) as server:
            ended = curl("-fsS", f"https://{server.authority}/x")
            self.assertEqual((ended.returncode, ended.stdout), (0, b"hello"), ended.stderr)
        # Ours is 127.0.0.1 there: two addresses, as with any other machine.
        with Server(OK, address="127.0.0.2") as server:
            ended = curl("-fsS", f"https://{server.authority}/x")
            self.assertEqual(ended.returncode, 1)
            self.assertIn(b"TLS", ended.stderr)
        self.assertEqual(server.request, b"")

    def test_what_it_does_not_know_it_refuses(self):
        for args, code in ((("-L", "http://x/"), 2), (("--location", "http://x/"), 2), (("-T",), 2), ((), 2), (("ftp://x/",), 1),
                           (("http://" + "x" * 400 + "/",), 2), (("http:///x",), 2), (("http://x/" + "y" * 9000,), 2),
                           (("http://localhost:" + "1" * 40,), 2), (("-T", "/no/such", "http://127.0.0.1:1/"), 7),
                           (("-H", "A: 1") * 40 + ("http://x/",), 2), (("http://no.such.host.invalid/",), 6)):
            self.assertEqual(curl(*args).returncode, code, args)

    def test_a_file_that_is_not_there(self):
        with Server(OK, enough=0) as server:
            ended = curl("-T", "/no/such", f"http://{server.authority}/")
        self.assertEqual(ended.returncode, 26)


def main():
    Curl.program = os.path.abspath(sys.argv[1])
    loader = unittest.TestLoader()
    loader.testNamePatterns = [f"*{name}*" for name in sys.argv[2:]] or None
    result = unittest.TextTestRunner(verbosity=1).run(loader.loadTestsFromTestCase(Curl))
    failed = len(result.failures) + len(result.errors)
    sys.stderr.flush()
    print(f"{result.testsRun - failed} passed, {failed} failed", flush=True)
    return 0 if failed == 0 and result.testsRun > 0 else 1


if __name__ == "__main__":
    sys.exit(main())
