"""
Which files of a context are left out, as Docker reads `.dockerignore`: one pattern a line, the last that matches
decides, `!` takes back in, and what lies in a folder that is left out is left out too.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Iterator, List, Optional, Pattern, Tuple

from ._errors import FileTransferError

IGNORE_FILE = ".dockerignore"
# More names than this are a home folder that nobody meant to send.
MAX_FILES = 1_000_000
# `**` is any number of folders, `*` and `?` end at slashes, `[…]` is a class, `\` takes away a meaning.
TOKEN = re.compile(r"\*\*/?|\*|\?|\[\^?\]?[^\]]*\]|\\.|.", re.DOTALL)


class Dockerignore:
    def __init__(self, text: str) -> None:
        self._patterns: List[Tuple[Pattern[str], bool]] = []
        for line in text.lstrip("\ufeff").split("\n"):
            # A comment only where the very first character says so.
            pattern = "" if line.startswith("#") else line.strip()
            is_exception = pattern.startswith("!")
            clean = cleaned(pattern[1:].strip() if is_exception else pattern)
            if clean:
                self._patterns.append((re.compile(as_regexp(clean), re.DOTALL), is_exception))

    @property
    def has_exceptions(self) -> bool:
        """Whether something in a folder that is left out may be taken back in."""
        return any(is_exception for _, is_exception in self._patterns)

    def leaves_out(self, path: str) -> bool:
        """`path`: relative to the context, with slashes."""
        parts = path.split("/")
        with_parents = ["/".join(parts[: at + 1]) for at in range(len(parts))]
        is_out = False
        for pattern, is_exception in self._patterns:
            # A pattern that would change nothing need not be tried.
            if is_out == is_exception and any(pattern.fullmatch(each) for each in with_parents):
                is_out = not is_exception
        return is_out


def cleaned(pattern: str) -> str:
    """Without `.`, `..`, doubled and outer slashes."""
    parts: List[str] = []
    for part in pattern.split("/"):
        if part == "..":
            del parts[-1:]
        elif part not in ("", "."):
            parts.append(part)
    return "/".join(parts)


def as_regexp(pattern: str) -> str:
    return "".join(piece_of(token) for token in TOKEN.findall(pattern))


def piece_of(token: str) -> str:
    known = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    if token in known:
        return known[token]
    if len(token) > 2 and token.startswith("["):
        return token.replace("\\", "\\\\")
    return re.escape(token[1:] if len(token) > 1 and token.startswith("\\") else token)


def context_files(folder: str, dockerfile: Optional[str] = None) -> List[str]:
    """
    Folders too, each before what is in it. `dockerfile`: relative to the folder, where it is in it; a file that stands
    beside it, `NAME.dockerignore`, counts before the folder's.
    """
    own = None if dockerfile is None else read(Path(folder, dockerfile + IGNORE_FILE))
    return files_below(folder, own if own is not None else read(Path(folder, IGNORE_FILE)) or "")


def files_below(folder: str, ignored: str) -> List[str]:
    """`ignored`: lines as of `.dockerignore`."""
    found: List[str] = []
    for path in walk(folder, "", Dockerignore(ignored)):
        found.append(path)
        if len(found) > MAX_FILES:
            raise FileTransferError(f"{folder} has more than {MAX_FILES} files; leave some out by {IGNORE_FILE}")
    return found


def walk(folder: str, below: str, ignore: Dockerignore) -> Iterator[str]:
    try:
        entries = sorted(os.scandir(os.path.join(folder, below)), key=lambda entry: entry.name)
    except OSError as cause:
        raise FileTransferError(f"{os.path.join(folder, below)} cannot be sent: {cause}") from cause
    for entry in entries:
        path = f"{below}/{entry.name}" if below else entry.name
        is_in = not ignore.leaves_out(path)
        is_folder = entry.is_dir(follow_symlinks=False)
        # Sockets and pipes would be waited for without end, and no image wants them.
        if is_in and (is_folder or entry.is_symlink() or entry.is_file(follow_symlinks=False)):
            yield path
        if is_folder and (is_in or ignore.has_exceptions):
            yield from walk(folder, path, ignore)


def read(path: Path) -> Optional[str]:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
