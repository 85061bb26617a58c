# Made by tools/unasync.py from _async/staged_stdin.py; not to be edited.
"""A command's stdin of any size: it goes to the VM as a file, in pieces, and the command reads it from there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, List, Optional, Sequence

from .. import _shell
from .._refs import VMRef
from .chunks import chunks_of
from .transfer import Transfer

if TYPE_CHECKING:
    from .vms import Vms


def staged_stdin(vms: Vms, vm: VMRef, stdin: Any, argv: Sequence[str], user: Optional[str]) -> List[str]:
    """Returns the command that reads it."""
    transfer = Transfer(vms, vm)
    path = _shell.staging_name("stdin")
    staging = vms.files.presign(transfer.vm, path)
    transfer.put(staging.upload_url, chunks_of(stdin), None)
    transfer.fetch_into_vm(staging.download_url, path)
    # Nobody else in the VM reads it, and who is to read it may remove it.
    owner = "" if user is None else f"chown {_shell.quote(user)} {_shell.quote(path)} && "
    transfer.run_checked(f"{owner}chmod 600 {_shell.quote(path)} || {{ rm -f {_shell.quote(path)}; exit 1; }}")
    return _shell.with_stdin_of(path, argv)
