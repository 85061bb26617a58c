"""A server that answers as it is told and remembers what it was asked."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Callable, Dict, List, Optional, Type, Union

# Retries that a test makes do not have to wait.
QUICK = {"retry-after-ms": "1"}


@dataclass
class Request:
    method: str
    path: str
    headers: Dict[str, str]
    body: bytes
    #: The client's end of the connection.
    client: Any = None

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Answer:
    status: int = 200
    body: bytes = b""
    headers: Dict[str, str] = field(default_factory=dict)


def json_answer(status: int, value: Any, headers: Optional[Dict[str, str]] = None) -> Answer:
    return Answer(status, json.dumps(value).encode(), {"content-type": "application/json", **(headers or {})})


# One that writes by itself to the connection.
Handler = Callable[[Request, BaseHTTPRequestHandler], Optional[Answer]]


class WireServer:
    """Answers in turn; the last answer is given to all that follow."""

    def __init__(self, *answers: Union[Answer, Handler]) -> None:
        self.answers: List[Union[Answer, Handler]] = list(answers)
        self.requests: List[Request] = []
        self._lock = threading.Lock()
        server = self

        class Connection(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_any(self) -> None:
                server._serve(self)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_any

            def log_message(self, *_: object) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Connection)
        self._server.daemon_threads = True
        self._server.block_on_close = False
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def _serve(self, connection: BaseHTTPRequestHandler) -> None:
        request = Request(
            connection.command,
            connection.path,
            {name.lower(): value for name, value in connection.headers.items()},
            read_body(connection),
            connection.client_address,
        )
        with self._lock:
            self.requests.append(request)
            answer = self.answers[min(len(self.requests), len(self.answers)) - 1]
        made = answer if isinstance(answer, Answer) else answer(request, connection)
        if made is None:
            return
        connection.send_response(made.status)
        for name, value in made.headers.items():
            connection.send_header(name, value)
        if made.status != 204:
            connection.send_header("content-length", str(len(made.body)))
        connection.end_headers()
        connection.wfile.write(made.body)

    def __enter__(self) -> "WireServer":
        return self

    def __exit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        self._server.shutdown()
        self._server.server_close()


def read_body(connection: BaseHTTPRequestHandler) -> bytes:
    if connection.headers.get("transfer-encoding") == "chunked":
        return b"".join(iter(lambda: read_chunk(connection), b""))
    return connection.rfile.read(int(connection.headers.get("content-length") or 0))


def read_chunk(connection: BaseHTTPRequestHandler) -> bytes:
    size = int(connection.rfile.readline(), 16)
    data = connection.rfile.read(size)
    connection.rfile.readline()
    return data
