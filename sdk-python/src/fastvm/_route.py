"""One operation of the API: how it is called, and what is read from its answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, Optional, TypeVar

from ._model import Shape

T = TypeVar("T")


@dataclass(frozen=True)
class Route(Generic[T]):
    method: str
    #: With the names of its parts in braces, which are filled in order: `/v1/vms/{vmId}`.
    path: str
    answer: Optional[Shape] = None
    body: Optional[Shape] = None
