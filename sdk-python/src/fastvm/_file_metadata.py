"""
What a file that is copied by itself keeps besides its bytes: permissions and time. Its owner is whoever receives it, so
no set-id bit goes along.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import Optional

# The bits that mean the same under another owner.
PERMISSION_BITS = 0o777
# Of `blocks` in every stat.
BLOCK_BYTES = 512
# For GNU's `stat -L -c`; others fail or print something else.
STAT_FORMAT = "%a %s %b %.9Y"
STAT_LINE = re.compile(r"([0-7]+) (\d+) (\d+) (-?)(\d+)\.(\d{9})$")


@dataclass(frozen=True)
class FileMetadata:
    mode: int
    modified_ns: int
    has_holes: bool

    @property
    def modified(self) -> str:
        """Seconds since 1970 with nine digits behind the point."""
        seconds, rest = divmod(abs(self.modified_ns), 10**9)
        return f"{'-' if self.modified_ns < 0 else ''}{seconds}.{rest:09d}"

    @property
    def octal(self) -> str:
        return f"{self.mode:04o}"


def metadata_of(info: os.stat_result) -> FileMetadata:
    # Windows tells no blocks.
    blocks: int = getattr(info, "st_blocks", info.st_size // BLOCK_BYTES + 1)
    return FileMetadata(info.st_mode & PERMISSION_BITS, info.st_mtime_ns, blocks * BLOCK_BYTES < info.st_size)


def parse_metadata(line: str) -> Optional[FileMetadata]:
    match = STAT_LINE.match(line)
    if match is None:
        return None
    mode, size, blocks, sign, seconds, fraction = match.groups()
    nanoseconds = int(seconds) * 10**9 + int(fraction)
    return FileMetadata(
        int(mode, 8) & PERMISSION_BITS,
        -nanoseconds if sign else nanoseconds,
        int(blocks) * BLOCK_BYTES < int(size),
    )
