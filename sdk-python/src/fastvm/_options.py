"""What a caller may say about one call, and how an argument that was not given is told from None."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, Mapping, Optional, Union

from ._config import Timeout


class NotGiven:
    """Stands for an argument that was left out, where None means something."""

    def __bool__(self) -> bool:
        return False

    def __repr__(self) -> str:
        return "NOT_GIVEN"


NOT_GIVEN = NotGiven()
Headers = Mapping[str, str]
Query = Mapping[str, Union[str, int, bool]]


@dataclass(frozen=True)
class CallOptions:
    """Of one call: `timeout` in seconds, or as httpx has it; the rest is added to what the client sends."""

    timeout: Timeout = None
    max_retries: Optional[int] = None
    extra_headers: Optional[Headers] = None
    extra_query: Optional[Query] = None
    extra_body: Optional[Mapping[str, Any]] = None


def given(**values: Any) -> Dict[str, Any]:
    """Those that were given."""
    return {name: value for name, value in values.items() if not isinstance(value, NotGiven)}


def present(**values: Any) -> Dict[str, Any]:
    """Those that are not None."""
    return {name: value for name, value in values.items() if value is not None}
