# Made by tools/unasync.py from _async/download.py; not to be edited.
"""Copies a file or a folder of a VM to this machine, streaming from end to end."""

from __future__ import annotations

import os
import posixpath
from typing import Iterable, Optional, Sequence

from .. import _shell
from .._errors import RemoteFileNotFoundError
from .._file_metadata import FileMetadata
from .._tar_flavor import OTHER, UNPACK_ONE_FILE, unpack_options
from .._tar_process import local_tar_flavor, unpacking
from .._write_whole import UnpackedFile, WholeFile
from .blocking import in_thread
from .transfer import Transfer, throw_if_failed


def download(transfer: Transfer, remote_path: str, local_path: str) -> None:
    found = look_at(transfer, remote_path)
    flavor = in_thread(local_tar_flavor)
    staging = transfer.vms.files.presign(transfer.vm, remote_path)
    transfer.run_checked(_shell.put_from_vm(found, remote_path, staging.upload_url, flavor))
    chunks = transfer.get(staging.download_url)
    try:
        if found.is_folder:
            unpack_folder(chunks, local_path, flavor)
        elif found.goes_as_archive(flavor):
            unpack_file(chunks, local_path, posixpath.basename(remote_path), flavor, found.metadata)
        else:
            write_file(chunks, local_path, found.metadata)
    finally:
        chunks.close()


def look_at(transfer: Transfer, remote_path: str) -> _shell.Found:
    result = transfer.run("sh", "-c", _shell.look_at(remote_path))
    if result.exit_code == _shell.MISSING_EXIT_CODE:
        raise RemoteFileNotFoundError(f"There is no {remote_path} in the VM")
    throw_if_failed(result, f"Looking at {remote_path}")
    return _shell.parse_look(result.stdout, remote_path)


def write_file(chunks: Iterable[bytes], local_path: str, metadata: Optional[FileMetadata]) -> None:
    with in_thread(WholeFile, local_path, metadata) as file:
        for chunk in chunks:
            in_thread(file.write, chunk)
        in_thread(file.commit)


def unpack_folder(chunks: Iterable[bytes], local_path: str, flavor: str) -> None:
    joins_folder = os.path.isdir(local_path)
    os.makedirs(local_path, exist_ok=True)
    # Windows knows no users by number.
    is_root = getattr(os, "geteuid", lambda: 1)() == 0
    options = unpack_options(flavor, is_root=is_root, joins_folder=joins_folder)
    unpack_into(local_path, chunks, options)


def unpack_file(
    chunks: Iterable[bytes], local_path: str, member: str, flavor: str, metadata: Optional[FileMetadata]
) -> None:
    with in_thread(UnpackedFile, local_path, member, metadata) as file:
        unpack_into(file.folder, chunks, ["-p"] if flavor == OTHER else UNPACK_ONE_FILE)
        in_thread(file.commit)


def unpack_into(folder: str, chunks: Iterable[bytes], options: Sequence[str]) -> None:
    tar = in_thread(unpacking, folder, options)
    try:
        for chunk in chunks:
            if not in_thread(tar.write, chunk):
                break
        in_thread(tar.end)
    finally:
        tar.close()
