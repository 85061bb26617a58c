"""
Where a client's settings come from: what the constructor is given, then the environment, then the defaults. Only here
the environment is read.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Dict, Mapping, Optional, Union
from urllib.parse import urlsplit

import httpx

from ._errors import FastvmError
from ._version import __version__

DEFAULT_BASE_URL = "https://api.fastvm.org"
# Long enough for a plain read or write of a record.
DEFAULT_TIMEOUT = httpx.Timeout(60.0, connect=5.0)
# Launch, snapshot, fork, pause, resume and run move a whole VM.
VM_WORK_SECONDS = 300.0
# Two retries: three attempts in all, as every generation of the public clients makes.
DEFAULT_MAX_RETRIES = 2
# As many requests at once as the published clients allow themselves; the idle ones beyond the second number are closed.
LIMITS = httpx.Limits(max_connections=100, max_keepalive_connections=20)

Timeout = Union[float, httpx.Timeout, None]


@dataclass(frozen=True)
class Config:
    api_key: str
    #: Without a slash at its end.
    base_url: str
    #: None: each call has its own default.
    timeout: Optional[httpx.Timeout]
    max_retries: int
    headers: Mapping[str, str]
    #: By it the server knows in which dialect a firewall is to be shown.
    user_agent: str
    #: Whether the key goes in `Authorization`, as the API of machines has it, and not in `X-API-Key`.
    is_bearer: bool = False

    @property
    def credentials(self) -> Dict[str, str]:
        return {"authorization": f"Bearer {self.api_key}"} if self.is_bearer else {"x-api-key": self.api_key}


def read_config(
    *,
    api_key: Optional[str],
    base_url: Optional[str],
    timeout: Timeout = None,
    max_retries: int = DEFAULT_MAX_RETRIES,
    default_headers: Optional[Mapping[str, str]] = None,
    agent: str = "fastvm-sdk-python",
) -> Config:
    """Raises a FastvmError when there is no API key or the base URL cannot be one."""
    key = api_key or environment("FASTVM_API_KEY")
    if not key:
        raise FastvmError("No API key: pass api_key or set the FASTVM_API_KEY environment variable")
    return Config(
        api_key=key,
        base_url=checked_url(base_url or environment("FASTVM_BASE_URL") or DEFAULT_BASE_URL),
        timeout=None if timeout is None else httpx.Timeout(timeout),
        max_retries=max_retries,
        headers={**header_lines(environment("FASTVM_CUSTOM_HEADERS") or ""), **(default_headers or {})},
        user_agent=f"{agent}/{__version__}",
    )


def checked_url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise FastvmError(f"The base URL {value!r} is not an http or https URL")
    return value.rstrip("/")


def header_lines(text: str) -> Dict[str, str]:
    """`Name: value` lines; a line without a colon is skipped."""
    pairs = (line.split(":", 1) for line in text.splitlines() if ":" in line)
    return {name.strip(): value.strip() for name, value in pairs if name.strip()}


def environment(name: str) -> Optional[str]:
    """An empty variable counts as unset."""
    return (os.environ.get(name) or "").strip() or None


def child_environment() -> Dict[str, str]:
    """
    For a local `tar`: its words are read, so they must not be translated. macOS would pack a second file beside each
    with attributes.
    """
    return {**os.environ, "LC_ALL": "C", "COPYFILE_DISABLE": "1"}
