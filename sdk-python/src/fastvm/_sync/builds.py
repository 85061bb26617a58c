# Made by tools/unasync.py from _async/builds.py; not to be edited.
"""
`client.builds`, `client.build_contexts` and `client.snapshot_imports`: snapshots made from images. `client.build` makes
these calls and waits.
"""

from __future__ import annotations

from typing import Any, Generator, List, Mapping, Optional

import httpx

from .._builds import COMPLETED, FAILED, BuildEvent, build_event
from .._config import Timeout
from .._errors import APIConnectionError, BuildError, BuildNotReadyError, error_of_broken_call
from .._generated import routes
from .._generated.models import (
    BuildLog,
    BuildResponse,
    ContextPresign,
    DeleteResponse,
    FilePresignResponse,
    SnapshotImport,
)
from .._lines import LineReader
from .._options import CallOptions, Headers, Query, present
from .._waiting import DEFAULT_POLL_SECONDS, Patience
from .blocking import sleep
from .http import Http

NDJSON = "application/x-ndjson"
# Pulling and unpacking an image may take its time.
DEFAULT_BUILD_SECONDS = 3600.0


class Builds:
    def __init__(self, http: Http) -> None:
        self._http = http

    def create(
        self,
        name: Optional[str] = None,
        image_ref: Optional[str] = None,
        dockerfile_content: Optional[str] = None,
        machine_type: Optional[str] = None,
        disk_gi_b: Optional[int] = None,
        context_download_url: Optional[str] = None,
        *,
        dockerfile_path: Optional[str] = None,
        target: Optional[str] = None,
        build_args: Optional[Mapping[str, str]] = None,
        secrets: Optional[Mapping[str, str]] = None,
        tag: Optional[str] = None,
        no_cache: Optional[bool] = None,
        firewall: Optional[Any] = None,
        timeout: Timeout = None,
        max_retries: Optional[int] = None,
        extra_headers: Optional[Headers] = None,
        extra_query: Optional[Query] = None,
        extra_body: Optional[Mapping[str, Any]] = None,
    ) -> BuildResponse:
        """
        Needs `image_ref`, `dockerfile_content`, or a context with a Dockerfile in it. Answers at once; `retrieve` tells
        how it goes. `secrets` are for `RUN --mount=type=secret`, by id. `tag` keeps the image for `image` of a launch.
        """
        options = CallOptions(timeout, max_retries, extra_headers, extra_query, extra_body)
        body = present(
            name=name,
            image_ref=image_ref,
            dockerfile_content=dockerfile_content,
            machine_type=machine_type,
            disk_gi_b=disk_gi_b,
            context_download_url=context_download_url,
            dockerfile_path=dockerfile_path,
            target=target,
            build_args=build_args,
            secrets=secrets,
            tag=tag,
            no_cache=no_cache,
            firewall=firewall,
        )
        return self._http.call(routes.CREATE_BUILD, body=body, options=options, once=True)

    def list(
        self,
        *,
        timeout: Timeout = None,
        max_retries: Optional[int] = None,
        extra_headers: Optional[Headers] = None,
        extra_query: Optional[Query] = None,
        extra_body: Optional[Mapping[str, Any]] = None,
    ) -> List[BuildResponse]:
        """Newest first."""
        options = CallOptions(timeout, max_retries, extra_headers, extra_query, extra_body)
        return self._http.call(routes.LIST_BUILDS, options=options)

    def retrieve(
        self,
        id: str,
        *,
        timeout: Timeout = None,
        max_retries: Optional[int] = None,
        extra_headers: Optional[Headers] = None,
        extra_query: Optional[Query] = None,
        extra_body: Optional[Mapping[str, Any]] = None,
    ) -> BuildResponse:
        """By its id, the unique beginning of one, or a name, which means the newest of that name."""
        options = CallOptions(timeout, max_retries, extra_headers, extra_query, extra_body)
        return self._http.call(routes.GET_BUILD, id, options=options)

    def cancel(
        self,
        id: str,
        *,
        timeout: Timeout = None,
        max_retries: Optional[int] = None,
        extra_headers: Optional[Headers] = None,
        extra_query: Optional[Query] = None,
        extra_body: Optional[Mapping[str, Any]] = None,
    ) -> BuildResponse:
        """Returns when nothing of it runs any more. One that has ended stays as it is."""
        options = CallOptions(timeout, max_retries, extra_headers, extra_query, extra_body)
        return self._http.call(routes.CANCEL_BUILD, id, options=options)

    def logs(
        self,
        id: str,
        *,
        timeout: Timeout = None,
        max_retries: Optional[int] = None,
        extra_headers: Optional[Headers] = None,
        extra_query: Optional[Query] = None,
        extra_body: Optional[Mapping[str, Any]] = None,
    ) -> BuildLog:
        """What it has printed so far; of one that has ended the last 256 KiB."""
        options = CallOptions(timeout, max_retries, extra_headers, extra_query, extra_body)
        return self._http.call(routes.GET_BUILD_LOGS, id, options=options)

    def follow(self, id: str) -> Generator[BuildEvent, None, None]:
        """What there is, then what comes, until the build ends. Leaving the loop leaves the build alone."""
        options = CallOptions(None, None, None, None, None)
        response = self._http.open(routes.GET_BUILD_LOGS, [id], options=options, accept=NDJSON, stream=True)
        reader = LineReader()
        try:
            for chunk in response.iter_bytes():
                for line in reader.feed(chunk):
                    event = build_event(line)
                    if event is not None:
                        yield event
                    if event is not None and event.type == "end":
                        return
        except (httpx.HTTPError, httpx.StreamError, OSError) as cause:
            raise error_of_broken_call(cause) from cause
        finally:
            response.close()
        raise APIConnectionError("The stream ended before the build did")

    def wait(
        self, id: str, *, poll_interval: float = DEFAULT_POLL_SECONDS, timeout: float = DEFAULT_BUILD_SECONDS
    ) -> BuildResponse:
        """Raises BuildError when it has failed, BuildNotReadyError after `timeout` seconds."""
        patience = Patience(poll_interval, timeout)
        build = self.retrieve(id)
        while build.status != COMPLETED or build.snapshot_id is None:
            if build.status == FAILED:
                raise BuildError(build.id, build.error)
            pause = patience.pause()
            if pause is None:
                raise BuildNotReadyError(build.id, build.status, timeout)
            sleep(pause)
            build = self.retrieve(id)
        return build


class BuildContexts:
    def __init__(self, http: Http) -> None:
        self._http = http

    def presign(
        self,
        *,
        timeout: Timeout = None,
        max_retries: Optional[int] = None,
        extra_headers: Optional[Headers] = None,
        extra_query: Optional[Query] = None,
        extra_body: Optional[Mapping[str, Any]] = None,
    ) -> FilePresignResponse:
        """Where a `tar.gz` or ZIP of the build's context is PUT."""
        options = CallOptions(timeout, max_retries, extra_headers, extra_query, extra_body)
        return self._http.call(routes.PRESIGN_BUILD_CONTEXT, options=options, once=True)


class SnapshotImports:
    """Builds in the words of the newest API; each is shown by `client.builds`, too."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def create(
        self,
        source: Mapping[str, Any],
        name: Optional[str] = None,
        machine_type: Optional[str] = None,
        disk_gi_b: Optional[int] = None,
        *,
        timeout: Timeout = None,
        max_retries: Optional[int] = None,
        extra_headers: Optional[Headers] = None,
        extra_query: Optional[Query] = None,
        extra_body: Optional[Mapping[str, Any]] = None,
    ) -> SnapshotImport:
        """
        `source` has `type`, which is `image`, with `image`, or `dockerfile`, with `context_ref`. Answers at once;
        `retrieve` tells how it goes.
        """
        options = CallOptions(timeout, max_retries, extra_headers, extra_query, extra_body)
        body = present(source=source, name=name, machine_type=machine_type, disk_gi_b=disk_gi_b)
        return self._http.call(routes.CREATE_SNAPSHOT_IMPORT, body=body, options=options, once=True)

    def list(
        self,
        *,
        timeout: Timeout = None,
        max_retries: Optional[int] = None,
        extra_headers: Optional[Headers] = None,
        extra_query: Optional[Query] = None,
        extra_body: Optional[Mapping[str, Any]] = None,
    ) -> List[SnapshotImport]:
        """Newest first."""
        options = CallOptions(timeout, max_retries, extra_headers, extra_query, extra_body)
        return self._http.call(routes.LIST_SNAPSHOT_IMPORTS, options=options)

    def retrieve(
        self,
        id: str,
        *,
        timeout: Timeout = None,
        max_retries: Optional[int] = None,
        extra_headers: Optional[Headers] = None,
        extra_query: Optional[Query] = None,
        extra_body: Optional[Mapping[str, Any]] = None,
    ) -> SnapshotImport:
        options = CallOptions(timeout, max_retries, extra_headers, extra_query, extra_body)
        return self._http.call(routes.GET_SNAPSHOT_IMPORT, id, options=options)

    def delete(
        self,
        id: str,
        *,
        timeout: Timeout = None,
        max_retries: Optional[int] = None,
        extra_headers: Optional[Headers] = None,
        extra_query: Optional[Query] = None,
        extra_body: Optional[Mapping[str, Any]] = None,
    ) -> DeleteResponse:
        """Of one that has ended, with its image and the snapshot that it made."""
        options = CallOptions(timeout, max_retries, extra_headers, extra_query, extra_body)
        return self._http.call(routes.DELETE_SNAPSHOT_IMPORT, id, options=options)

    def cancel(
        self,
        id: str,
        *,
        timeout: Timeout = None,
        max_retries: Optional[int] = None,
        extra_headers: Optional[Headers] = None,
        extra_query: Optional[Query] = None,
        extra_body: Optional[Mapping[str, Any]] = None,
    ) -> SnapshotImport:
        """Returns when nothing of it runs any more. One that has ended stays as it is."""
        options = CallOptions(timeout, max_retries, extra_headers, extra_query, extra_body)
        return self._http.call(routes.CANCEL_SNAPSHOT_IMPORT, id, options=options, once=True)

    def presign_context(
        self,
        size_bytes: Optional[int] = None,
        *,
        timeout: Timeout = None,
        max_retries: Optional[int] = None,
        extra_headers: Optional[Headers] = None,
        extra_query: Optional[Query] = None,
        extra_body: Optional[Mapping[str, Any]] = None,
    ) -> ContextPresign:
        """Where the ZIP or `tar.gz` of one import's context is PUT."""
        options = CallOptions(timeout, max_retries, extra_headers, extra_query, extra_body)
        body = present(size_bytes=size_bytes)
        return self._http.call(routes.PRESIGN_IMPORT_CONTEXT, body=body, options=options, once=True)
