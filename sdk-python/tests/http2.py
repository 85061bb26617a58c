"""A server that speaks HTTP/2 over TLS and nothing else, and counts its connections."""

from __future__ import annotations

import json
import socket
import ssl
import subprocess
import threading
from pathlib import Path
from types import TracebackType
from typing import Any, List, Optional, Type

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import RequestReceived


def make_certificate(folder: Path) -> Path:
    """For 127.0.0.1, with its key in the same file."""
    path = folder / "certificate.pem"
    subject = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command = ["openssl", "req", "-x509", *key, *subject, "-keyout", str(folder / "key.pem"), "-out", str(path)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    path.write_text(path.read_text() + (folder / "key.pem").read_text())
    return path


class Http2Server:
    """Answers all requests alike."""

    def __init__(self, certificate: Path, answer: Any) -> None:
        self._answer = json.dumps(answer).encode()
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(str(certificate))
        self._context.set_alpn_protocols(["h2"])
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.connections: List[ssl.SSLSocket] = []
        self.paths: List[str] = []
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self._listener.getsockname()[1]}"

    def _accept(self) -> None:
        while True:
            try:
                plain, _ = self._listener.accept()
                connection = self._context.wrap_socket(plain, server_side=True)
            except OSError:
                return
            self.connections.append(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: ssl.SSLSocket) -> None:
        http = H2Connection(config=H2Configuration(client_side=False, header_encoding="utf-8"))
        http.initiate_connection()
        connection.sendall(http.data_to_send())
        while True:
            data = connection.recv(65536)
            if not data:
                return
            for event in http.receive_data(data):
                if isinstance(event, RequestReceived):
                    self.paths.append(dict(event.headers)[":path"])
                    http.send_headers(event.stream_id, [(":status", "200"), ("content-type", "application/json")])
                    http.send_data(event.stream_id, self._answer, end_stream=True)
            connection.sendall(http.data_to_send())

    def __enter__(self) -> "Http2Server":
        return self

    def __exit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        self._listener.close()
        for connection in self.connections:
            connection.close()
