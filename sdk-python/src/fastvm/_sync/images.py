# Made by tools/unasync.py from _async/images.py; not to be edited.
"""`client.images`: images of registries that VMs are launched from."""

from __future__ import annotations

from typing import Any, List, Mapping, Optional

from .._config import Timeout
from .._generated import routes
from .._generated.models import DeleteResponse, Image, ImageDetails
from .._options import CallOptions, Headers, Query, present
from .http import Http


class Images:
    """An image is named by reference, by digest, or by the first characters of one."""

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
    ) -> List[Image]:
        """The organisation's own, and those that are for all."""
        options = CallOptions(timeout, max_retries, extra_headers, extra_query, extra_body)
        return self._http.call(routes.LIST_IMAGES, options=options)

    def pull(
        self,
        reference: str,
        *,
        policy: Optional[str] = None,
        username: Optional[str] = None,
        password: Optional[str] = None,
        timeout: Timeout = None,
        max_retries: Optional[int] = None,
        extra_headers: Optional[Headers] = None,
        extra_query: Optional[Query] = None,
        extra_body: Optional[Mapping[str, Any]] = None,
    ) -> Image:
        """
        Returns when all of it is on the host, however long that takes; `timeout` is that of one request. `policy`:
        `if-missing` (default) asks nobody when it is here, `always` asks what the name means now, `never` asks nobody
        at all. Without `username` and `password` the organisation's login is used (`client.registries`).
        """
        options = CallOptions(timeout, max_retries, extra_headers, extra_query, extra_body)
        body = present(reference=reference, policy=policy, username=username, password=password)
        while True:
            # Each answer waits for the pull for a while: there is no need to wait here.
            pull = self._http.call(routes.PULL_IMAGE, body=body, options=options)
            if pull.image is not None:
                return pull.image

    def retrieve(
        self,
        image: str,
        *,
        timeout: Timeout = None,
        max_retries: Optional[int] = None,
        extra_headers: Optional[Headers] = None,
        extra_query: Optional[Query] = None,
        extra_body: Optional[Mapping[str, Any]] = None,
    ) -> ImageDetails:
        """Raises NotFoundError when there is none."""
        options = CallOptions(timeout, max_retries, extra_headers, extra_query, extra_body)
        return self._http.call(routes.GET_IMAGE, image, options=options)

    def delete(
        self,
        image: str,
        *,
        timeout: Timeout = None,
        max_retries: Optional[int] = None,
        extra_headers: Optional[Headers] = None,
        extra_query: Optional[Query] = None,
        extra_body: Optional[Mapping[str, Any]] = None,
    ) -> DeleteResponse:
        """VMs and snapshots stay as they are."""
        options = CallOptions(timeout, max_retries, extra_headers, extra_query, extra_body)
        return self._http.call(routes.DELETE_IMAGE, image, options=options)
