"""
Writes the client for threads from the one for asyncio, word by word. `--check` only says whether what is there is what
it would write.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Dict

PACKAGE = Path(__file__).resolve().parent.parent / "src" / "fastvm"
SOURCE, TARGET = PACKAGE / "_async", PACKAGE / "_sync"
# The modules in which the clients truly differ.
WRITTEN_TWICE = {"__init__.py", "blocking.py", "console.py", "machines/__init__.py", "machines/background.py", "machines/socket.py"}
HEADER = "# Made by tools/unasync.py from _async/{name}; not to be edited.\n"

RULES = [
    (r"AsyncGenerator\[(\w+), None\]", r"Generator[\1, None, None]"),
    (r"Callable\[(\[[^\]]*\]), Awaitable\[([\w.]+)\]\]", r"Callable[\1, \2]"),
    (r"\basync (def|with|for)\b", r"\1"),
    (r"\bawait ", ""),
    (r"\bAsync(?=[A-Z])", ""),
    (r"\bStopAsyncIteration\b", "StopIteration"),
    (r"__a(enter|exit|iter|next)__", r"__\1__"),
    (r"\ba(close|read|iter_bytes|iter_raw)\b", r"\1"),
    (r"\basynccontextmanager\b", "contextmanager"),
    (r", Awaitable\b", ""),
    (r"\b_async\b", "_sync"),
    (r"\bfor asyncio\b", "for threads"),
]
TYPING = re.compile(r"^from typing import (.*)$", re.MULTILINE)


def translate(text: str, name: str) -> str:
    for pattern, replacement in RULES:
        text = re.sub(pattern, replacement, text)
    return HEADER.format(name=name) + TYPING.sub(sorted_import, text)


def sorted_import(match: "re.Match[str]") -> str:
    """Names may have become equal."""
    names = sorted(set(match.group(1).split(", ")), key=lambda name: (not name.isupper(), name))
    return f"from typing import {', '.join(names)}"


def modules_of(folder: Path) -> Dict[str, str]:
    """By their paths below the folder."""
    found = {path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8") for path in folder.rglob("*.py")}
    return {name: text for name, text in found.items() if name not in WRITTEN_TWICE}


def main() -> int:
    expected = {name: translate(text, name) for name, text in modules_of(SOURCE).items()}
    there = modules_of(TARGET)
    if "--check" in sys.argv:
        for name in sorted({*expected, *there}):
            if expected.get(name) != there.get(name):
                print(f"_sync/{name} is not what _async/{name} gives; run sdk-python/tools/unasync.py")
        return 0 if expected == there else 1
    for name in there.keys() - expected.keys():
        (TARGET / name).unlink()
    for name, text in expected.items():
        (TARGET / name).write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
