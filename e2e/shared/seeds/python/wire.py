"""HTTP as the public Python clients speak it: the same headers, time-outs and repetitions, by the standard library alone."""

import http.client
import json
import random
import select
import threading
import time
from urllib.parse import quote, urlsplit

RETRYABLE = (408, 409, 429)
FIRST_DELAY_SECONDS = 0.5
LONGEST_DELAY_SECONDS = 8.0
# What httpx calls itself where the clients use it bare.
BARE_AGENT = "python-httpx/0.28.1"
STAGING_TIMEOUT_SECONDS = 900
CHUNK_BYTES = 65536


class ApiError(Exception):
    def __init__(self, status, body):
        super().__init__(f"{status}: {body}")
        self.status = status
        self.body = body


class Transport:
    """One origin. Each thread keeps a connection of its own, as a pool would give it."""

    def __init__(self, base_url, headers, read_timeout, max_retries):
        self.base = urlsplit(base_url)
        self.headers = headers
        self.read_timeout = read_timeout
        self.max_retries = max_retries
        self.local = threading.local()

    def json(self, method, path, body=None, max_retries=None):
        """The parsed answer; None for 204. Raises ApiError."""
        status, _, text = self.attempts(method, path, body, max_retries)
        return None if status == 204 else json.loads(text)

    def attempts(self, method, path, body, max_retries):
        retries = self.max_retries if max_retries is None else max_retries
        for attempt in range(retries + 1):
            response = self.send(method, path, body, {"x-stainless-retry-count": str(attempt)})
            text = response.read()
            if response.status < 300:
                assert response.status == 204 or is_json(response), response.getheader("content-type")
                return response.status, response, text
            if attempt == retries or not should_retry(response):
                raise ApiError(response.status, json.loads(text))
            time.sleep(delay_before(attempt, response))
        raise AssertionError("no attempt was made")

    def send(self, method, path, body=None, extra=None):
        """The response, its head read. A body is JSON; without one a POST says so by its length."""
        payload = None if body is None else json.dumps(body).encode()
        headers = {**self.headers, **(extra or {})}
        if "x-stainless-lang" not in self.headers:
            headers.pop("x-stainless-retry-count", None)
        if method != "GET":
            headers.setdefault("Content-Type", "application/json")
        connection = self.connection()
        connection.request(method, self.base.path.rstrip("/") + path, payload, headers)
        return connection.getresponse()

    def connection(self):
        if not hasattr(self.local, "connection"):
            self.local.connection = http.client.HTTPConnection(
                self.base.hostname, self.base.port, timeout=self.read_timeout
            )
        connection = self.local.connection
        # An idle one on which something comes was closed by the server; a pool makes another.
        if connection.sock is not None and select.select([connection.sock], [], [], 0)[0]:
            connection.close()
        return connection


def generated(base_url, api_key):
    """Of the generated clients with the newer firewall, all of whose calls are repeated twice unless a method says no."""
    headers = {
        "Accept": "application/json",
        "Accept-Encoding": "identity",
        "User-Agent": "FastvmClient/Python 0.5.0",
        "X-API-Key": api_key,
        "x-stainless-lang": "python",
        "x-stainless-package-version": "0.5.0",
        "x-stainless-os": "Linux",
        "x-stainless-arch": "x64",
        "x-stainless-runtime": "CPython",
        "x-stainless-runtime-version": "3.11.4",
        "x-stainless-async": "false",
        "x-stainless-read-timeout": "60",
    }
    return Transport(base_url, headers, read_timeout=60, max_retries=2)


def flat(base_url, api_key):
    """Of the first, hand-written client: a JSON content type on every call, and nothing that names the client."""
    headers = {"Content-Type": "application/json", "User-Agent": BARE_AGENT, "X-API-Key": api_key}
    return Transport(base_url, headers, read_timeout=300, max_retries=0)


def put_bytes(url, data):
    """`data`: bytes, or an iterator of them, which goes out in chunks. No key: the URL is the permission."""
    return bare("PUT", url, data, {"Content-Type": "application/octet-stream"})


def get_bytes(url):
    return bare("GET", url, None, {})


def bare(method, url, data, headers):
    target = urlsplit(url)
    connection = http.client.HTTPConnection(target.hostname, target.port, timeout=STAGING_TIMEOUT_SECONDS)
    try:
        chunked = data is not None and not isinstance(data, bytes)
        sent = {"User-Agent": BARE_AGENT, "Accept": "*/*", **headers}
        if chunked:
            sent["Transfer-Encoding"] = "chunked"
        path = f"{target.path}?{target.query}"
        connection.request(method, path, data, sent, encode_chunked=chunked)
        response = connection.getresponse()
        content = response.read()
        if response.status >= 300:
            raise ApiError(response.status, content[:2000])
        return content
    finally:
        connection.close()


def segment(text):
    """One segment of a path, as the generated clients write it: `+` and `:` as they are, `/` encoded."""
    return quote(text, safe="-._~!$&'()*+,;=:@")


def is_json(response):
    return (response.getheader("content-type") or "").startswith("application/json")


def should_retry(response):
    said = response.getheader("x-should-retry")
    if said is not None:
        return said == "true"
    return response.status in RETRYABLE or response.status >= 500


def delay_before(attempt, response):
    milliseconds = response.getheader("retry-after-ms")
    if milliseconds is not None:
        return float(milliseconds) / 1000
    seconds = float(response.getheader("retry-after") or 0)
    if 0 < seconds <= 60:
        return seconds
    return min(FIRST_DELAY_SECONDS * 2**attempt, LONGEST_DELAY_SECONDS) * (1 - 0.25 * random.random())
