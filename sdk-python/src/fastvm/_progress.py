"""What is told of a transfer as its bytes go over the wire."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable, Optional


@dataclass(frozen=True)
class TransferProgress:
    #: Compressed ones, when a folder is sent.
    transferred_bytes: int
    #: None for a folder, whose compressed size nobody knows before its end.
    total_bytes: Optional[int] = None


OnProgress = Callable[[TransferProgress], None]
