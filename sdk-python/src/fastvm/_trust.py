"""
Which certificates are trusted: as httpx has it, but read once. To read those of a system takes a processor 28 ms, which
each client, and each file on its way through an object store, would take anew.
"""

from __future__ import annotations

import os
import ssl
from functools import lru_cache
from typing import Optional

import httpx

# What httpx makes of them another context with.
SETTINGS = ("SSL_CERT_FILE", "SSL_CERT_DIR", "SSLKEYLOGFILE")


def trusted(http2: bool = False) -> ssl.SSLContext:
    """Shared by all connections that speak alike: what is offered in the handshake is set on the context itself."""
    return _trusted(http2, *(os.environ.get(name) for name in SETTINGS))


@lru_cache(maxsize=None)
def _trusted(_http2: bool, *_settings: Optional[str]) -> ssl.SSLContext:
    return httpx.create_ssl_context(trust_env=True)
