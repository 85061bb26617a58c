"""Where a VM's console is reached, and the messages that it takes."""

from __future__ import annotations

import json

from ._config import Config
from ._generated.models import ConsoleTokenResponse

# The server keeps its messages below this; the published clients take no more.
MAX_MESSAGE_BYTES = 2**20
# A server that takes longer to connect is as good as down.
CONNECT_SECONDS = 15.0


def console_url(config: Config, token: ConsoleTokenResponse) -> str:
    """The token is the permission: no key goes along."""
    path = token.websocket_path
    if not path.startswith(("ws://", "wss://")):
        path = "ws" + config.base_url[len("http") :] + path
    return f"{path}{'&' if '?' in path else '?'}session={token.token}"


def resize_message(columns: int, rows: int) -> str:
    return json.dumps({"type": "resize", "cols": columns, "rows": rows})


def keys_message(keys: "str | bytes") -> str:
    """The server takes keys as text."""
    return keys if isinstance(keys, str) else keys.decode(errors="replace")
