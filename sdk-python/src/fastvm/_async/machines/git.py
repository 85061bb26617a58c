"""`machine.git`: git in the machine, by its own commands. The machine needs git."""

from __future__ import annotations

from typing import List, Optional, Sequence

from ..._machines.errors import GitError
from ..._machines.git import LOG_FORMAT, GitCommit, GitHttpsAuth, GitStatus, read_log, read_status, with_auth
from .commands import AsyncCommands

# A clone or a push may move much.
TRANSFER_SECONDS = 1800.0


class AsyncGit:
    def __init__(self, commands: AsyncCommands) -> None:
        self._commands = commands

    async def clone(
        self,
        url: str,
        path: Optional[str] = None,
        *,
        branch: Optional[str] = None,
        depth: Optional[int] = None,
        auth: Optional[GitHttpsAuth] = None,
    ) -> None:
        """Into a folder of the name that the URL ends with, or into `path`."""
        options = ([f"--branch={branch}"] if branch else []) + ([f"--depth={depth}"] if depth else [])
        await self._git(None, ["clone", "--quiet", *options, "--", url, *([path] if path else [])], auth)

    async def pull(self, path: str, *, remote: Optional[str] = None, branch: Optional[str] = None, auth: Optional[GitHttpsAuth] = None) -> None:
        """Only where nothing has to be merged."""
        await self._git(path, ["pull", "--quiet", "--ff-only", *named(remote, branch)], auth)

    async def push(
        self,
        path: str,
        *,
        remote: Optional[str] = None,
        branch: Optional[str] = None,
        set_upstream: bool = False,
        auth: Optional[GitHttpsAuth] = None,
    ) -> None:
        options = ["--set-upstream"] if set_upstream else []
        await self._git(path, ["push", "--quiet", *options, *named(remote, branch)], auth)

    async def status(self, path: str) -> GitStatus:
        return read_status(await self._git(path, ["status", "--porcelain=v2", "--branch", "-z"]))

    async def log(self, path: str, *, limit: int = 20) -> List[GitCommit]:
        """Newest first."""
        return read_log(await self._git(path, ["log", f"--max-count={limit}", LOG_FORMAT]))

    async def diff(self, path: str, *, staged: bool = False) -> str:
        return await self._git(path, ["diff", *(["--cached"] if staged else [])])

    async def add(self, path: str, files: Optional[Sequence[str]] = None) -> None:
        """Those files, or all that changed."""
        await self._git(path, ["add", "--all"] if files is None else ["add", "--", *files])

    async def commit(self, message: str, path: str, *, allow_empty: bool = False) -> str:
        """The commit that was made."""
        await self._git(path, ["commit", "--quiet", f"--message={message}", *(["--allow-empty"] if allow_empty else [])])
        return (await self._git(path, ["rev-parse", "HEAD"])).strip()

    async def create_branch(self, path: str, name: str) -> None:
        """And goes on in it."""
        await self._git(path, ["checkout", "--quiet", "-b", name])

    async def checkout(self, path: str, ref: str) -> None:
        await self._git(path, ["checkout", "--quiet", ref, "--"])

    async def branches(self, path: str) -> List[str]:
        return (await self._git(path, ["branch", "--format=%(refname:short)"])).split()

    async def configure_user(self, name: str, email: str, *, path: Optional[str] = None) -> None:
        """Of one work tree, or without `path` of the machine."""
        scope = ["--global"] if path is None else []
        for key, value in (("user.name", name), ("user.email", email)):
            await self._git(path, ["config", *scope, key, value])

    async def set_config(self, key: str, value: str, *, path: Optional[str] = None) -> None:
        await self._git(path, ["config", *(["--global"] if path is None else []), key, value])

    async def get_config(self, key: str, *, path: Optional[str] = None) -> Optional[str]:
        try:
            return (await self._git(path, ["config", "--get", key])).rstrip("\n")
        except GitError as failure:
            # It is not set.
            if failure.exit_code == 1:
                return None
            raise

    async def remote_add(self, path: str, name: str, url: str) -> None:
        await self._git(path, ["remote", "add", name, url])

    async def _git(self, path: Optional[str], arguments: Sequence[str], auth: Optional[GitHttpsAuth] = None) -> str:
        full, envs = with_auth([*(["-C", path] if path else []), *arguments], auth)
        result = await self._commands.run("git", full, envs=envs, timeout=TRANSFER_SECONDS)
        if result.exit_code != 0:
            raise GitError(arguments[0], result.exit_code or 0, result.stderr)
        return result.stdout


def named(remote: Optional[str], branch: Optional[str]) -> List[str]:
    """A branch without a remote is one of `origin`."""
    return [remote or "origin", branch] if branch else [remote] if remote else []
