"""A command's stdin of any size: it goes to the VM as a file, in pieces, and the command reads it from there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, AsyncGenerator, List, Optional, Sequence

from .. import _shell
from .._errors import FastvmError
from .._refs import VMRef
from .._tar_process import CHUNK_BYTES
from .blocking import in_thread
from .transfer import AsyncTransfer

if TYPE_CHECKING:
    from .vms import AsyncVms


async def staged_stdin(vms: AsyncVms, vm: VMRef, stdin: Any, argv: Sequence[str], user: Optional[str]) -> List[str]:
    """Returns the command that reads it."""
    transfer = AsyncTransfer(vms, vm)
    path = _shell.staging_name("stdin")
    staging = await vms.files.presign(transfer.vm, path)
    await transfer.put(staging.upload_url, chunks_of(stdin), None)
    await transfer.fetch_into_vm(staging.download_url, path)
    # Nobody else in the VM reads it, and who is to read it may remove it.
    owner = "" if user is None else f"chown {_shell.quote(user)} {_shell.quote(path)} && "
    await transfer.run_checked(f"{owner}chmod 600 {_shell.quote(path)} || {{ rm -f {_shell.quote(path)}; exit 1; }}")
    return _shell.with_stdin_of(path, argv)


async def chunks_of(stdin: Any) -> AsyncGenerator[bytes, None]:
    """Text, bytes, a file that was opened to read bytes, or something that gives bytes when iterated over."""
    if isinstance(stdin, str):
        stdin = stdin.encode()
    if isinstance(stdin, (bytes, bytearray, memoryview)):
        view = memoryview(stdin)
        for start in range(0, len(view), CHUNK_BYTES):
            yield bytes(view[start : start + CHUNK_BYTES])
    elif hasattr(stdin, "read"):
        while True:
            chunk = await in_thread(stdin.read, CHUNK_BYTES)
            if not chunk:
                return
            yield checked(chunk)
    elif hasattr(stdin, "__aiter__"):
        async for chunk in stdin:
            yield checked(chunk)
    else:
        iterator = iter(stdin)
        while True:
            chunk = await in_thread(next, iterator, None)
            if chunk is None:
                return
            yield checked(chunk)


def checked(chunk: Any) -> bytes:
    if not isinstance(chunk, (bytes, bytearray, memoryview)):
        raise FastvmError(f"stdin gave {type(chunk).__name__}; a file is to be opened to read bytes")
    return bytes(chunk)
