"""Where machines are reached: what the caller gives, then the environment, then the defaults."""

from __future__ import annotations

from typing import Optional

import httpx

from .._config import DEFAULT_BASE_URL, Config, Timeout, checked_url, environment
from .._config import DEFAULT_MAX_RETRIES as DEFAULT_MAX_RETRIES
from .._version import __version__
from .errors import AuthError

API_KEY = "NULLSPACE_API_KEY"
API_URL = "NULLSPACE_API_URL"
# Of a daemon that serves both APIs, it is the same.
OTHER_URL = "FASTVM_BASE_URL"


def read_machine_config(
    api_key: Optional[str], base_url: Optional[str], timeout: Timeout = None, max_retries: Optional[int] = None
) -> Config:
    """Raises an AuthError with the code `missing_api_key`."""
    key = api_key or environment(API_KEY)
    if not key:
        raise AuthError(
            f"No API key: pass api_key or set the {API_KEY} environment variable",
            code="missing_api_key",
            suggested_action="Make one with: fastvm key create --api nullspace",
        )
    url = base_url or environment(API_URL) or environment(OTHER_URL) or DEFAULT_BASE_URL
    return Config(
        api_key=key,
        base_url=checked_url(url),
        timeout=None if timeout is None else httpx.Timeout(timeout),
        max_retries=DEFAULT_MAX_RETRIES if max_retries is None else max_retries,
        headers={},
        user_agent=f"fastvm-machines-python/{__version__}",
        is_bearer=True,
    )
