"""What is generated is what its source gives, and what is typed is typed."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# It takes half a minute when it has seen nothing of this before, so what it has seen is kept beside the rest of the
# build.
MYPY = ["-m", "mypy", "--no-error-summary", f"--cache-dir={ROOT.parent / '.fastvm' / 'mypy'}"]


def run(*arguments: str) -> str:
    done = subprocess.run([sys.executable, *arguments], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return done.stdout if done.returncode else ""


@pytest.mark.parametrize("tool", ["generate.py", "unasync.py"])
def test_it_is_up_to_date(tool: str) -> None:
    assert run(f"tools/{tool}", "--check") == ""


@pytest.mark.parametrize(("tool", "path"), [("generate.py", "_generated/routes.py"), ("unasync.py", "_sync/vms.py")])
def test_a_change_by_hand_is_noticed(tool: str, path: str, tmp_path: Path) -> None:
    description = Path("packages", "contract", "src", "api", "fastvm", "openapi.json")
    (tmp_path / description).parent.mkdir(parents=True)
    shutil.copy(ROOT.parent / description, tmp_path / description)
    copied = tmp_path / "sdk-python"
    for folder in ("src", "tools"):
        shutil.copytree(ROOT / folder, copied / folder)
    made = copied / "src" / "fastvm" / path
    made.write_text(made.read_text(encoding="utf-8") + "#\n", encoding="utf-8")
    assert f"run sdk-python/tools/{tool}" in run(str(copied / "tools" / tool), "--check")


def test_types_are_strict() -> None:
    """As the oldest Python sees them; the tests run under the newer one that is there."""
    assert run(*MYPY, "--python-version=3.9") == ""


def test_python_3_9_reads_it() -> None:
    sources = list((ROOT / "src").rglob("*.py"))
    assert len(sources) > 40
    for source in sources:
        ast.parse(source.read_text(encoding="utf-8"), str(source), feature_version=(3, 9))


def test_a_match_statement_would_not_pass() -> None:
    with pytest.raises(SyntaxError):
        ast.parse("match 1:\n    case _: pass\n", feature_version=(3, 9))
