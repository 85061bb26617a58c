# Made by tools/unasync.py from _async/registries.py; not to be edited.
"""`client.registries`: who the organisation is to registries of images, when it pulls from them."""

from __future__ import annotations

from typing import Any, List, Mapping, Optional

from .._config import Timeout
from .._generated import routes
from .._generated.models import DeleteResponse, RegistryLogin
from .._options import CallOptions, Headers, Query, present
from .http import Http


class RegistryLogins:
    """A registry is a host and perhaps a port, as references of images begin: `docker.io`, `registry.example.com:5000`."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def list(
        self,
        *,
        timeout: Timeout = None,
        max_retries: Optional[int] = None,
        extra_headers: Optional[Headers] = None,
        extra_query: Optional[Query] = None,
        extra_body: Optional[Mapping[str, Any]] = None,
    ) -> List[RegistryLogin]:
        options = CallOptions(timeout, max_retries, extra_headers, extra_query, extra_body)
        return self._http.call(routes.LIST_REGISTRIES, options=options)

    def retrieve(
        self,
        registry: str,
        *,
        timeout: Timeout = None,
        max_retries: Optional[int] = None,
        extra_headers: Optional[Headers] = None,
        extra_query: Optional[Query] = None,
        extra_body: Optional[Mapping[str, Any]] = None,
    ) -> RegistryLogin:
        """Raises NotFoundError when there is none."""
        options = CallOptions(timeout, max_retries, extra_headers, extra_query, extra_body)
        return self._http.call(routes.GET_REGISTRY, registry, options=options)

    def set(
        self,
        registry: str,
        *,
        username: str,
        password: str,
        timeout: Timeout = None,
        max_retries: Optional[int] = None,
        extra_headers: Optional[Headers] = None,
        extra_query: Optional[Query] = None,
        extra_body: Optional[Mapping[str, Any]] = None,
    ) -> RegistryLogin:
        """In place of the one before. `password` may be a token of the registry's; it is kept sealed, and no answer has it."""
        options = CallOptions(timeout, max_retries, extra_headers, extra_query, extra_body)
        body = present(username=username, password=password)
        return self._http.call(routes.SET_REGISTRY, registry, body=body, options=options)

    def delete(
        self,
        registry: str,
        *,
        timeout: Timeout = None,
        max_retries: Optional[int] = None,
        extra_headers: Optional[Headers] = None,
        extra_query: Optional[Query] = None,
        extra_body: Optional[Mapping[str, Any]] = None,
    ) -> DeleteResponse:
        """Images that are here stay."""
        options = CallOptions(timeout, max_retries, extra_headers, extra_query, extra_body)
        return self._http.call(routes.DELETE_REGISTRY, registry, options=options)
