"""git's arguments, and what it prints as values. Nothing here runs it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Dict, List, Optional, Tuple

# Between the fields of a commit and between commits: nothing that a message can hold.
FIELD, RECORD = "\x1f", "\x1e"
LOG_FORMAT = "--format=%H%x1f%an%x1f%ae%x1f%aI%x1f%B%x1e"
# Reads what is asked for from the environment of this one command, so that it stands in no file, URL or list of processes.
CREDENTIAL_HELPER = '!f() { test "$1" = get && printf "username=%s\\npassword=%s\\n" "$NULLSPACE_GIT_USERNAME" "$NULLSPACE_GIT_PASSWORD"; }; f'
# Nobody is there to be asked.
QUIET = {"GIT_TERMINAL_PROMPT": "0"}


@dataclass(frozen=True)
class GitHttpsAuth:
    """For one command: the machine keeps nothing of it."""

    username: str
    password: str = field(repr=False)


@dataclass(frozen=True)
class GitChange:
    #: Two letters, as `git status --porcelain` has them: of the index and of the work tree.
    status: str
    path: str


@dataclass(frozen=True)
class GitStatus:
    #: None for a detached head.
    branch: Optional[str]
    ahead: int
    behind: int
    changed: List[GitChange]

    @property
    def clean(self) -> bool:
        return not self.changed


@dataclass(frozen=True)
class GitCommit:
    sha: str
    author_name: str
    author_email: str
    #: RFC 3339.
    authored_at: str
    message: str


def with_auth(arguments: List[str], auth: Optional[GitHttpsAuth]) -> Tuple[List[str], Dict[str, str]]:
    """The arguments, and the environment of the command."""
    if auth is None:
        return arguments, dict(QUIET)
    helper = ["-c", "credential.helper=", "-c", f"credential.helper={CREDENTIAL_HELPER}"]
    secret = {"NULLSPACE_GIT_USERNAME": auth.username, "NULLSPACE_GIT_PASSWORD": auth.password}
    return [*helper, *arguments], {**QUIET, **secret}


def read_status(text: str) -> GitStatus:
    """Of `git status --porcelain=v2 --branch -z`."""
    branch: Optional[str] = None
    ahead = behind = 0
    changed: List[GitChange] = []
    entries = iter(text.split("\0"))
    for entry in entries:
        kind, _, rest = entry.partition(" ")
        if entry.startswith("# branch.head "):
            branch = None if entry.endswith("(detached)") else entry[len("# branch.head ") :]
        elif entry.startswith("# branch.ab "):
            plus, minus = entry[len("# branch.ab ") :].split(" ")
            ahead, behind = int(plus), -int(minus)
        elif kind == "1":
            changed.append(GitChange(rest[:2], rest.split(" ", 7)[7]))
        elif kind == "2":
            changed.append(GitChange(rest[:2], rest.split(" ", 8)[8]))
            # Where it was before.
            next(entries, None)
        elif kind == "u":
            changed.append(GitChange(rest[:2], rest.split(" ", 9)[9]))
        elif kind == "?":
            changed.append(GitChange("??", rest))
    return GitStatus(branch, ahead, behind, changed)


def read_log(text: str) -> List[GitCommit]:
    """Of `git log` in `LOG_FORMAT`."""
    return [read_commit(record) for record in text.split(RECORD) if record.strip("\n")]


def read_commit(record: str) -> GitCommit:
    sha, name, email, at, message = record.lstrip("\n").split(FIELD, 4)
    return GitCommit(sha, name, email, at, message.strip("\n"))
