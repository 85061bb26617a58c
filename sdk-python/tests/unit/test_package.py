"""The package as it is handed out: its metadata, what is in it, and that pip installs it without a network."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from email.message import Message
from email.parser import Parser
from pathlib import Path
from typing import Tuple

import fastvm
import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Tuple[Path, Path]:
    """The sdist, and the wheel that is built from it."""
    source = tmp_path_factory.mktemp("source") / "sdk-python"
    # Building leaves files behind.
    shutil.copytree(ROOT, source, ignore=shutil.ignore_patterns("tests", "build", "*.egg-info", "__pycache__"))
    out = tmp_path_factory.mktemp("out")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(out), str(source)]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert done.returncode == 0, done.stdout
    (sdist,) = out.glob("*.tar.gz")
    (wheel,) = out.glob("*.whl")
    return sdist, wheel


def metadata_of(wheel: Path) -> Message:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        return Parser().parsestr(archive.read(name).decode())


def test_the_metadata_says_what_an_index_asks_for(built: Tuple[Path, Path]) -> None:
    metadata = metadata_of(built[1])
    assert metadata["Name"] == "fastvm"
    assert metadata["Version"] == fastvm.__version__
    assert metadata["Summary"] and "\n" not in metadata["Summary"]
    assert metadata["License"] == "Apache-2.0"
    assert metadata["Requires-Python"] == ">=3.9"
    assert metadata["Description-Content-Type"] == "text/markdown"
    assert str(metadata.get_payload()).startswith("# fastvm")
    requirements = metadata.get_all("Requires-Dist") or []
    assert [requirement.split("[")[0] for requirement in requirements if "extra" not in requirement] == ["httpx"]
    assert "httpx[http2]" in requirements[0]
    for extra in ("console", "machines"):
        assert any(re.match(f"websockets.*extra == .{extra}", requirement) for requirement in requirements)


def test_the_wheel_has_all_of_the_package_and_nothing_else(built: Tuple[Path, Path]) -> None:
    with zipfile.ZipFile(built[1]) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    there = {f"fastvm/{path.relative_to(ROOT / 'src' / 'fastvm')}" for path in (ROOT / "src" / "fastvm").rglob("*") if path.suffix in (".py", ".typed")}
    assert names == there
    assert "fastvm/py.typed" in names


def test_the_sdist_can_be_built_again(built: Tuple[Path, Path]) -> None:
    with tarfile.open(built[0]) as archive:
        names = {name.split("/", 1)[1] for name in archive.getnames() if "/" in name}
    assert {"pyproject.toml", "README.md", "PKG-INFO", "src/fastvm/__init__.py", "src/fastvm/_generated/models.py"} <= names


def test_pip_installs_it_in_a_venv_without_a_network(built: Tuple[Path, Path], tmp_path: Path) -> None:
    venv = tmp_path / "venv"
    # The system's pip is there too; a second one would take its time.
    subprocess.run([sys.executable, "-m", "venv", "--system-site-packages", "--without-pip", str(venv)], check=True)
    python = str(venv / "bin" / "python")
    pip = [python, "-m", "pip", "install", "--quiet", "--no-index", "--no-build-isolation", str(built[1])]
    done = subprocess.run(pip, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert done.returncode == 0, done.stdout
    program = "import fastvm; print(fastvm.__file__); fastvm.FastvmClient(api_key='k').close()"
    where = subprocess.run([python, "-c", program], stdout=subprocess.PIPE, text=True, check=True, cwd=tmp_path).stdout
    assert where.startswith(str(venv))
    # And knows what it needs: pip's own check of what is installed.
    check = subprocess.run([python, "-m", "pip", "show", "fastvm"], stdout=subprocess.PIPE, text=True, check=True).stdout
    assert "Requires: httpx" in check


def test_the_alias_is_built_beside_it_and_installed_with_it(built: Tuple[Path, Path], tmp_path: Path) -> None:
    source = tmp_path / "alias"
    shutil.copytree(ROOT / "alias", source, ignore=shutil.ignore_patterns("build", "*.egg-info", "__pycache__"))
    command = [sys.executable, "-m", "build", "--no-isolation", "--wheel", "--outdir", str(tmp_path), str(source)]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert done.returncode == 0, done.stdout
    (wheel,) = tmp_path.glob("*.whl")
    metadata = metadata_of(wheel)
    assert (metadata["Name"], metadata["Version"]) == ("nullspace", fastvm.__version__)
    assert re.fullmatch(rf"fastvm\[machines\] ?\(?=={fastvm.__version__}\)?", str(metadata["Requires-Dist"]))
    target = tmp_path / "installed"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--target", str(target), str(built[1]), str(wheel)]
    assert subprocess.run(pip, stdout=subprocess.PIPE, stderr=subprocess.STDOUT).returncode == 0
    program = "import nullspace; from nullspace import AsyncMachine, Machine; print(nullspace.__file__, Machine.__name__)"
    said = subprocess.run([sys.executable, "-c", program], env={"PYTHONPATH": str(target)}, stdout=subprocess.PIPE, text=True, check=True, cwd=tmp_path)
    assert said.stdout == f"{target}/nullspace/__init__.py Machine\n"
