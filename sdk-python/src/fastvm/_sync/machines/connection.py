# Made by tools/unasync.py from _async/machines/connection.py; not to be edited.
"""Calls of the API of machines: those of the HTTP client, with failures in the words of machines."""

from __future__ import annotations

import uuid
from types import TracebackType
from typing import Any, Dict, Optional, Type, TypeVar

import httpx

from ..._config import Config
from ..._errors import FastvmError
from ..._machines.errors import error_of
from ..._options import CallOptions
from ..._route import Route
from ..http import BYTES, Http

T = TypeVar("T")


class Connection:
    def __init__(self, config: Config) -> None:
        self.config = config
        self._http = Http(config)

    def close(self) -> None:
        self._http.close()

    def __enter__(self) -> "Connection":
        return self

    def __exit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        self.close()

    def call(
        self,
        route: Route[T],
        *parts: str,
        query: Optional[Dict[str, Any]] = None,
        body: Optional[Dict[str, Any]] = None,
        content: Any = None,
        key: Optional[str] = None,
        seconds: Optional[float] = None,
        once: bool = False,
    ) -> T:
        """`key`: of an order that must not be carried out twice. `once`: it has none, and is not repeated."""
        options = CallOptions(extra_headers=None if key is None else {"idempotency-key": key})
        try:
            return self._http.call(
                route,
                *parts,
                query=query,
                body=body,
                content=content,
                options=options,
                default_seconds=seconds,
                once=once,
            )
        except FastvmError as failure:
            raise error_of(failure) from failure

    def open(self, route: Route[Any], *parts: str, query: Optional[Dict[str, Any]] = None) -> httpx.Response:
        """An answer whose body the caller reads and closes."""
        try:
            return self._http.open(route, parts, query=query, options=CallOptions(), accept=BYTES, stream=True)
        except FastvmError as failure:
            raise error_of(failure) from failure


def new_key() -> str:
    """Of one order: however often it has to be sent, it is one."""
    return str(uuid.uuid4())
