"""Copies a file or a folder of a VM to this machine, streaming from end to end."""

from __future__ import annotations

import os
import posixpath
from typing import AsyncIterable, Optional, Sequence

from .. import _shell
from .._errors import RemoteFileNotFoundError
from .._file_metadata import FileMetadata
from .._tar_flavor import OTHER, UNPACK_ONE_FILE, unpack_options
from .._tar_process import local_tar_flavor, unpacking
from .._write_whole import UnpackedFile, WholeFile
from .blocking import in_thread
from .transfer import AsyncTransfer, throw_if_failed


async def download(transfer: AsyncTransfer, remote_path: str, local_path: str) -> None:
    found = await look_at(transfer, remote_path)
    flavor = await in_thread(local_tar_flavor)
    staging = await transfer.vms.files.presign(transfer.vm, remote_path)
    await transfer.run_checked(_shell.put_from_vm(found, remote_path, staging.upload_url, flavor))
    chunks = transfer.get(staging.download_url)
    try:
        if found.is_folder:
            await unpack_folder(chunks, local_path, flavor)
        elif found.goes_as_archive(flavor):
            await unpack_file(chunks, local_path, posixpath.basename(remote_path), flavor, found.metadata)
        else:
            await write_file(chunks, local_path, found.metadata)
    finally:
        await chunks.aclose()


async def look_at(transfer: AsyncTransfer, remote_path: str) -> _shell.Found:
    result = await transfer.run("sh", "-c", _shell.look_at(remote_path))
    if result.exit_code == _shell.MISSING_EXIT_CODE:
        raise RemoteFileNotFoundError(f"There is no {remote_path} in the VM")
    throw_if_failed(result, f"Looking at {remote_path}")
    return _shell.parse_look(result.stdout, remote_path)


async def write_file(chunks: AsyncIterable[bytes], local_path: str, metadata: Optional[FileMetadata]) -> None:
    with await in_thread(WholeFile, local_path, metadata) as file:
        async for chunk in chunks:
            await in_thread(file.write, chunk)
        await in_thread(file.commit)


async def unpack_folder(chunks: AsyncIterable[bytes], local_path: str, flavor: str) -> None:
    joins_folder = os.path.isdir(local_path)
    os.makedirs(local_path, exist_ok=True)
    # Windows knows no users by number.
    is_root = getattr(os, "geteuid", lambda: 1)() == 0
    options = unpack_options(flavor, is_root=is_root, joins_folder=joins_folder)
    await unpack_into(local_path, chunks, options)


async def unpack_file(
    chunks: AsyncIterable[bytes], local_path: str, member: str, flavor: str, metadata: Optional[FileMetadata]
) -> None:
    with await in_thread(UnpackedFile, local_path, member, metadata) as file:
        await unpack_into(file.folder, chunks, ["-p"] if flavor == OTHER else UNPACK_ONE_FILE)
        await in_thread(file.commit)


async def unpack_into(folder: str, chunks: AsyncIterable[bytes], options: Sequence[str]) -> None:
    tar = await in_thread(unpacking, folder, options)
    try:
        async for chunk in chunks:
            if not await in_thread(tar.write, chunk):
                break
        await in_thread(tar.end)
    finally:
        tar.close()
