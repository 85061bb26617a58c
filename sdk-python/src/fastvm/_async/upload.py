"""Copies a file or a folder of this machine into a VM, streaming from end to end."""

from __future__ import annotations

import os
import stat
from typing import AsyncGenerator, Callable, Optional, Sequence, Tuple

from .. import _shell
from .._errors import FileTransferError, RemoteFileNotFoundError
from .._file_metadata import FileMetadata, metadata_of
from .._tar_flavor import OTHER, pack_options, tar_flavor
from .._tar_process import TarProcess, CHUNK_BYTES, local_tar_flavor, packing, packing_files
from .blocking import in_thread
from .transfer import AsyncTransfer


async def upload(transfer: AsyncTransfer, local_path: str, remote_path: str) -> None:
    try:
        info = await in_thread(os.stat, local_path)
    except FileNotFoundError as cause:
        raise RemoteFileNotFoundError(f"There is no {local_path} to upload") from cause
    if stat.S_ISDIR(info.st_mode):
        await upload_folder(transfer, local_path, remote_path)
        return
    # A pipe would be waited for without end, and a device read.
    if not stat.S_ISREG(info.st_mode):
        raise FileTransferError(f"{local_path} is neither a file nor a folder")
    metadata = metadata_of(info)
    if metadata.has_holes and await in_thread(local_tar_flavor) != OTHER:
        await upload_with_holes(transfer, local_path, metadata, remote_path)
    else:
        await upload_file(transfer, local_path, info.st_size, metadata, remote_path)


async def upload_file(
    transfer: AsyncTransfer, local_path: str, size: int, metadata: FileMetadata, remote_path: str
) -> None:
    staging = await transfer.vms.files.presign(transfer.vm, remote_path)
    if size > staging.max_upload_bytes:
        raise FileTransferError(f"{local_path} has {size} bytes, the VM's disk {staging.max_upload_bytes}")
    # Files of /proc say that they are empty: what reading gives is sent, however much that is.
    await transfer.put(staging.upload_url, read_file(local_path), size or None)
    partial = _shell.partial_beside(remote_path)
    await transfer.fetch_into_vm(staging.download_url, partial)
    await transfer.run_checked(_shell.place_file(partial, remote_path, metadata))


async def upload_with_holes(transfer: AsyncTransfer, local_path: str, metadata: FileMetadata, remote_path: str) -> None:
    folder, name = os.path.split(os.path.abspath(local_path))
    archive, flavor = await send_archive(transfer, folder, name)
    await transfer.run_checked(_shell.place_from_archive(archive, flavor, name, remote_path, metadata))


async def upload_folder(transfer: AsyncTransfer, local_path: str, remote_path: str) -> None:
    archive, flavor = await send_archive(transfer, local_path, None)
    await transfer.run_checked(_shell.unpack_folder(archive, flavor, remote_path))


async def send_archive(transfer: AsyncTransfer, folder: str, file: Optional[str]) -> Tuple[str, str]:
    """The archive's path in the VM, and the flavor of the VM's tar."""
    archive = _shell.staging_name("upload", ".tar.gz")
    staging = await transfer.vms.files.presign(transfer.vm, archive)
    flavor = tar_flavor((await transfer.run("tar", "--version")).stdout)
    options = pack_options(await in_thread(local_tar_flavor), flavor)
    await transfer.put(staging.upload_url, pack_folder(folder, options, file), None)
    await transfer.fetch_into_vm(staging.download_url, archive)
    return archive, flavor


def pack_folder(folder: str, options: Sequence[str], file: Optional[str] = None) -> AsyncGenerator[bytes, None]:
    return read_tar(lambda: packing(folder, options, file))


def pack_files(folder: str, names: Sequence[str]) -> AsyncGenerator[bytes, None]:
    return read_tar(lambda: packing_files(folder, names))


async def read_tar(start: Callable[[], TarProcess]) -> AsyncGenerator[bytes, None]:
    """It is started at the first read, and ended when nobody reads any more."""
    tar = await in_thread(start)
    try:
        while True:
            chunk = await in_thread(tar.read)
            if not chunk:
                break
            yield chunk
        await in_thread(tar.end)
    finally:
        tar.close()


async def read_file(path: str) -> AsyncGenerator[bytes, None]:
    file = await in_thread(lambda: open(path, "rb", buffering=0))
    with file:
        while True:
            chunk = await in_thread(file.read, CHUNK_BYTES)
            if not chunk:
                return
            yield chunk
