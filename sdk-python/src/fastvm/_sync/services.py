# Made by tools/unasync.py from _async/services.py; not to be edited.
"""`client.vms.services`: names under which a VM's TCP ports are reached through the platform's proxy."""

from __future__ import annotations

from typing import Any, List, Mapping, Optional

from .._config import Timeout
from .._generated import routes
from .._generated.models import Service
from .._options import CallOptions, Headers, Query, present
from .._refs import VMRef
from .._request import id_of
from .http import Http


class Services:
    def __init__(self, http: Http) -> None:
        self._http = http

    def list(
        self,
        id: VMRef,
        *,
        timeout: Timeout = None,
        max_retries: Optional[int] = None,
        extra_headers: Optional[Headers] = None,
        extra_query: Optional[Query] = None,
        extra_body: Optional[Mapping[str, Any]] = None,
    ) -> List[Service]:
        """Sorted by name."""
        options = CallOptions(timeout, max_retries, extra_headers, extra_query, extra_body)
        return self._http.call(routes.LIST_SERVICES, id_of(id), options=options)

    def register(
        self,
        id: VMRef,
        name: str,
        port: int,
        h2c: Optional[bool] = None,
        *,
        timeout: Timeout = None,
        max_retries: Optional[int] = None,
        extra_headers: Optional[Headers] = None,
        extra_query: Optional[Query] = None,
        extra_body: Optional[Mapping[str, Any]] = None,
    ) -> Service:
        """Fine when it is there already; raises ConflictError when the name has another port. At most 16 a VM."""
        options = CallOptions(timeout, max_retries, extra_headers, extra_query, extra_body)
        body = present(name=name, port=port, h2c=h2c)
        return self._http.call(routes.REGISTER_SERVICE, id_of(id), body=body, options=options, once=True)

    def update(
        self,
        id: VMRef,
        service_name: str,
        port: int,
        h2c: Optional[bool] = None,
        *,
        timeout: Timeout = None,
        max_retries: Optional[int] = None,
        extra_headers: Optional[Headers] = None,
        extra_query: Optional[Query] = None,
        extra_body: Optional[Mapping[str, Any]] = None,
    ) -> Service:
        """Makes the service or changes it."""
        options = CallOptions(timeout, max_retries, extra_headers, extra_query, extra_body)
        body = present(port=port, h2c=h2c)
        return self._http.call(routes.UPDATE_SERVICE, id_of(id), service_name, body=body, options=options)

    def delete(
        self,
        id: VMRef,
        service_name: str,
        *,
        timeout: Timeout = None,
        max_retries: Optional[int] = None,
        extra_headers: Optional[Headers] = None,
        extra_query: Optional[Query] = None,
        extra_body: Optional[Mapping[str, Any]] = None,
    ) -> None:
        """Fine when there is none."""
        options = CallOptions(timeout, max_retries, extra_headers, extra_query, extra_body)
        self._http.call(routes.DELETE_SERVICE, id_of(id), service_name, options=options)
