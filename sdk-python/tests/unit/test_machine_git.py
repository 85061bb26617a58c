"""git's arguments and what is read from its output, with the git of this machine."""

from __future__ import annotations

import os
import subprocess
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from both import KINDS, Blocking, Loop
from wire import Answer, Request, WireServer, json_answer

import nullspace

from .test_machines import KEY, MACHINE


def run_here(request: Request, _: BaseHTTPRequestHandler) -> Answer:
    """Commands of the machine are run on this one."""
    if request.method == "GET":
        return json_answer(200, MACHINE)
    body = request.json
    environment = {**os.environ, **body["envs"]}
    done = subprocess.run([body["command"], *body["args"]], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    return json_answer(200, {"exit_code": done.returncode, "stdout": done.stdout, "stderr": done.stderr, "pid": None, "truncated": False})


@pytest.fixture(params=KINDS)
def git(request: Any, loop: Loop) -> Any:
    kind: Any = nullspace.Machine if request.param == "threads" else Blocking(nullspace.AsyncMachine, loop)
    with WireServer(run_here) as server:
        yield kind.connect("mch_1", api_key=KEY, base_url=server.url).git


def test_from_a_clone_to_a_push_and_back(git: Any, tmp_path: Path) -> None:
    origin, work, other = (str(tmp_path / name) for name in ("origin", "work tree", "other"))
    subprocess.run(["git", "init", "--quiet", "--bare", "--initial-branch=main", origin], check=True)
    git.clone(f"file://{origin}", path=work)
    git.configure_user("An Agent", "agent@example.com", path=work)
    assert (git.get_config("user.name", path=work), git.get_config("not.there", path=work)) == ("An Agent", None)
    git.create_branch(work, "main")
    Path(work, "a file").write_text("1\n", encoding="utf-8")
    assert [(each.status, each.path) for each in git.status(work).changed] == [("??", "a file")]
    git.add(path=work, files=["a file"])
    assert "+1" in git.diff(work, staged=True) and git.diff(work) == ""
    sha = git.commit("First\n\nwith a body", path=work)
    git.push(work, remote="origin", branch="main", set_upstream=True)
    Path(work, "a file").rename(Path(work, "moved"))
    git.add(work)
    assert [(each.status, each.path) for each in git.status(work).changed] == [("R.", "moved")]
    git.commit("Second", path=work)
    status = git.status(work)
    assert (status.branch, status.ahead, status.behind, status.clean) == ("main", 1, 0, True)
    second, first = git.log(work)
    assert (first.sha, first.author_email, first.message, second.message) == (sha, "agent@example.com", "First\n\nwith a body", "Second")
    git.clone(f"file://{origin}", path=other, depth=1, branch="main")
    git.push(work)
    git.pull(other)
    assert [each.message for each in git.log(other, limit=1)] == ["Second"]
    git.checkout(other, git.log(other, limit=1)[0].sha)
    assert git.status(other).branch is None
    git.remote_add(other, "mirror", origin)
    assert git.branches(other) and git.get_config("remote.mirror.url", path=other) == origin
    with pytest.raises(nullspace.GitError) as wrong:
        git.checkout(work, "nowhere")
    assert wrong.value.exit_code != 0 and "nowhere" in wrong.value.stderr


def test_a_password_is_in_no_argument(loop: Loop) -> None:
    done = json_answer(200, {"exit_code": 0, "stdout": "", "stderr": "", "pid": None, "truncated": False})
    with WireServer(json_answer(200, MACHINE), done) as server:
        machine = nullspace.Machine.connect("mch_1", api_key=KEY, base_url=server.url)
        auth = nullspace.GitHttpsAuth("x-access-token", "the secret")
        machine.git.clone("https://example.com/r.git", auth=auth)
    body = server.requests[1].json
    assert "the secret" not in str(body["args"]) and "the secret" not in repr(auth)
    environment = {**os.environ, **body["envs"]}
    helper = [argument for argument in body["args"] if argument.startswith("credential.helper=!")][0]
    asked = ["git", "-c", "credential.helper=", "-c", helper, "credential", "fill"]
    given = subprocess.run(asked, input="protocol=https\nhost=example.com\n\n", env=environment, stdout=subprocess.PIPE, text=True).stdout
    assert "username=x-access-token\npassword=the secret\n" in given
