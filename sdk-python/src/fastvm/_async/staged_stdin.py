"""A command's stdin of any size: it goes to the VM as a file, in pieces, and the command reads it from there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, List, Optional, Sequence

from .. import _shell
from .._refs import VMRef
from .chunks import chunks_of
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
