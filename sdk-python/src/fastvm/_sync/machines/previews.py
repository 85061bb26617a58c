# Made by tools/unasync.py from _async/machines/previews.py; not to be edited.
"""A machine's ports, as they are reached from outside. What opens one is a secret: print it through `redact_preview_url`."""

from __future__ import annotations

from typing import List, Optional, Sequence

from ..._machines import routes
from ..._machines.models import HostInfo, PreviewGrantInfo, PreviewProxyTarget, PreviewReadiness, PreviewUrl
from ..._options import present
from .connection import Connection

# The probe's longest wait, and the way.
READINESS_SECONDS = 150


class Previews:
    """What a machine has of them."""

    def __init__(self, connection: Connection, id: str) -> None:
        self._connection = connection
        #: Of this execution of the machine.
        self.id = id

    def get_host_info(self, port: int) -> HostInfo:
        """Where a port is reached. What listens there must do so on all addresses."""
        return self._connection.call(routes.GET_HOST, self.id, body={"port": port})

    def get_host(self, port: int) -> str:
        """Without a scheme."""
        return (self.get_host_info(port)).host

    def get_url(self, port: int) -> str:
        """The signed URL, or the host under the API's scheme where there are none."""
        info = self.get_host_info(port)
        return info.url or f"{self._connection.config.base_url.split(':', 1)[0]}://{info.host}"

    def get_websocket_url(self, port: int) -> str:
        info = self.get_host_info(port)
        return info.websocket_url or f"ws{self._connection.config.base_url.split(':', 1)[0][len('http') :]}://{info.host}"

    def get_preview_url(self, port: int) -> PreviewUrl:
        """A signed URL and the grant behind it, for as long as the deployment says."""
        return self._connection.call(routes.GET_PREVIEW_URL, self.id, str(port), once=True)

    def create_signed_preview_url(self, port: int, *, expires_in_seconds: Optional[int] = None) -> PreviewUrl:
        """The same for as long as the caller says, from a minute to a day."""
        body = present(expires_in_seconds=expires_in_seconds)
        return self._connection.call(routes.CREATE_PREVIEW_URL, self.id, str(port), body=body, once=True)

    def list_preview_urls(self, *, port: Optional[int] = None) -> List[PreviewGrantInfo]:
        """The grants, with what came through each. The tokens themselves are kept nowhere."""
        return (self._connection.call(routes.LIST_PREVIEW_URLS, self.id, query=present(port=port))).items

    def revoke_preview_url(self, grant_id: str) -> None:
        """What was opened by it is closed to all that comes after."""
        self._connection.call(routes.REVOKE_PREVIEW_URL, self.id, grant_id)

    def create_preview_proxy_target(
        self,
        port: int,
        *,
        expires_in_seconds: Optional[int] = None,
        transports: Sequence[str] = ("http", "websocket"),
        include_traffic_token_hint: Optional[bool] = None,
    ) -> PreviewProxyTarget:
        """For a proxy of the caller's, which sends the token in a header, so that no browser sees it."""
        body = present(
            expires_in_seconds=expires_in_seconds,
            transports=list(transports),
            token_transport="header",
            include_traffic_token_hint=include_traffic_token_hint,
        )
        return self._connection.call(routes.CREATE_PROXY_TARGET, self.id, str(port), body=body, once=True)

    def check_preview_readiness(
        self,
        port: int,
        *,
        kind: str = "tcp",
        path: Optional[str] = None,
        timeout_seconds: Optional[int] = None,
        interval_ms: Optional[int] = None,
    ) -> PreviewReadiness:
        """Waits for a service to listen. One that does not come to is no failure but `ready` False."""
        body = present(kind=kind, path=path, timeout_seconds=timeout_seconds, interval_ms=interval_ms)
        return self._connection.call(routes.CHECK_READINESS, self.id, str(port), body=body, seconds=READINESS_SECONDS)
