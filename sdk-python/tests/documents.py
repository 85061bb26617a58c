"""
The documents that the SDK is made to: what of them is code, which calls they sign, and what they say that answers hold.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, List, Tuple

FOLDER = Path(__file__).resolve().parents[2] / "e2e" / "seeds" / "documents"
REFERENCE = "fastvm-python-sdk-reference.txt"
ASYNC = "fastvm-python-sdk-async.txt"
# Alone on a line it is the heading of what follows: `client.set_firewall()`, `Firewall`, `client.uploadhelper`.
HEADING = re.compile(r"[\w.]+(\(\))?$")


@dataclass(frozen=True)
class Block:
    document: str
    #: Of its first line of code.
    line: int
    code: str

    @property
    def name(self) -> str:
        return f"{self.document}:{self.line}"


@dataclass(frozen=True)
class Signature:
    document: str
    #: Such as `client.vms.launch` or `FastVM`.
    path: str
    #: Each with its default as it is written; an empty one for none.
    parameters: Tuple[Tuple[str, str], ...]
    #: Of those, the ones that go by keyword alone.
    keyword_only: Tuple[str, ...]


def lines_of(document: str) -> List[str]:
    return (FOLDER / document).read_text(encoding="utf-8").split("\n")


def blocks_of(document: str) -> List[Block]:
    """A block begins below a line `python` and goes on for as long as what comes is code and no heading."""
    lines = lines_of(document)
    return [block_at(document, lines, at + 1) for at, line in enumerate(lines) if line == "python"]


def block_at(document: str, lines: List[str], start: int) -> Block:
    code = ""
    for paragraph in paragraphs(lines[start:]):
        if HEADING.fullmatch(paragraph.strip()):
            break
        if not is_code(code + paragraph):
            # Where no empty line is between code and what follows.
            code += code_above(paragraph)
            break
        code += paragraph + "\n\n"
    assert code, f"{document}:{start + 1} is no code"
    return Block(document, start + 1, code.rstrip() + "\n")


def code_above(paragraph: str) -> str:
    lines = paragraph.split("\n")
    return next(("\n".join(lines[:end]) for end in range(len(lines), 0, -1) if is_code("\n".join(lines[:end]))), "")


def paragraphs(lines: List[str]) -> List[str]:
    return re.split(r"\n\s*\n", "\n".join(lines))


def is_code(text: str) -> bool:
    try:
        compile(text, "document", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    except SyntaxError:
        return False
    return True


SIGNATURE = re.compile(r"^(?:async def )?((?:client\.)?[\w.]+)\(((?:\n    .*)*\n|[^()\n]*)\)(?: -> .*)?$", re.MULTILINE)
# What begins with these words is code and no signature.
DOCUMENTED = re.compile(r"^(client\.[\w.]+|FastVM|async def .*)$")


def signatures_of(document: str) -> List[Signature]:
    text = "\n".join(lines_of(document))
    for block in blocks_of(document):
        text = text.replace(block.code, "\n")
    found = []
    for match in SIGNATURE.finditer(text):
        path, inside = match.groups()
        is_method = match.group(0).startswith("async def ")
        # A heading has neither parameters nor what it returns.
        if not (path.startswith("client.") or path == "FastVM" or is_method) or "->" not in match.group(0) and not inside.strip():
            continue
        found.append(signature(document, f"client.{path}" if is_method else path, inside))
    return found


def signature(document: str, path: str, inside: str) -> Signature:
    parsed = ast.parse(f"def f({inside}): pass").body[0]
    assert isinstance(parsed, ast.FunctionDef)
    plain, keyword = parsed.args.args, parsed.args.kwonlyargs
    defaults = [""] * (len(plain) - len(parsed.args.defaults)) + [ast.unparse(each) for each in parsed.args.defaults]
    keyword_defaults = ["" if each is None else ast.unparse(each) for each in parsed.args.kw_defaults]
    names = [each.arg for each in [*plain, *keyword]]
    return Signature(document, path, tuple(zip(names, [*defaults, *keyword_defaults])), tuple(each.arg for each in keyword))


# A field's name and its type stand together, as in `memory_mi_bint`.
ROW = re.compile(r"(str|int|bool|list|unknown|\"|[A-Z])")


def tables_of(document: str) -> Dict[str, List[str]]:
    """The rows below each heading, which is two or three lines above `FieldTypeDescription`."""
    lines = lines_of(document)
    tables: Dict[str, List[str]] = {}
    for at, line in enumerate(lines):
        if line.startswith("FieldType"):
            above = [each for each in lines[max(0, at - 6) : at] if re.fullmatch(r"[A-Z]\w+|list\[VM\]|list\[Snapshot\]", each) and each != "Returns"]
            heading = above[-1].replace("list[", "").replace("]", "")
            rows = []
            for row in lines[at + 1 :]:
                if not row.strip():
                    break
                rows.append(row)
            tables.setdefault(heading, rows)
    return tables


def has_field(row: str, names: List[str]) -> bool:
    return any(row.startswith(name) and ROW.match(row[len(name) :]) for name in names)
