# Made by tools/unasync.py from _async/upload.py; not to be edited.
"""Copies a file or a folder of this machine into a VM, streaming from end to end."""

from __future__ import annotations

import os
import stat
from typing import Callable, Generator, Optional, Sequence, Tuple

from .. import _shell
from .._errors import FileTransferError, RemoteFileNotFoundError
from .._file_metadata import FileMetadata, metadata_of
from .._tar_flavor import OTHER, pack_options, tar_flavor
from .._tar_process import TarProcess, CHUNK_BYTES, local_tar_flavor, packing, packing_files
from .blocking import in_thread
from .transfer import Transfer


def upload(transfer: Transfer, local_path: str, remote_path: str) -> None:
    try:
        info = in_thread(os.stat, local_path)
    except FileNotFoundError as cause:
        raise RemoteFileNotFoundError(f"There is no {local_path} to upload") from cause
    if stat.S_ISDIR(info.st_mode):
        upload_folder(transfer, local_path, remote_path)
        return
    # A pipe would be waited for without end, and a device read.
    if not stat.S_ISREG(info.st_mode):
        raise FileTransferError(f"{local_path} is neither a file nor a folder")
    metadata = metadata_of(info)
    if metadata.has_holes and in_thread(local_tar_flavor) != OTHER:
        upload_with_holes(transfer, local_path, metadata, remote_path)
    else:
        upload_file(transfer, local_path, info.st_size, metadata, remote_path)


def upload_file(
    transfer: Transfer, local_path: str, size: int, metadata: FileMetadata, remote_path: str
) -> None:
    staging = transfer.vms.files.presign(transfer.vm, remote_path)
    if size > staging.max_upload_bytes:
        raise FileTransferError(f"{local_path} has {size} bytes, the VM's disk {staging.max_upload_bytes}")
    # Files of /proc say that they are empty: what reading gives is sent, however much that is.
    transfer.put(staging.upload_url, read_file(local_path), size or None)
    partial = _shell.partial_beside(remote_path)
    transfer.fetch_into_vm(staging.download_url, partial)
    transfer.run_checked(_shell.place_file(partial, remote_path, metadata))


def upload_with_holes(transfer: Transfer, local_path: str, metadata: FileMetadata, remote_path: str) -> None:
    folder, name = os.path.split(os.path.abspath(local_path))
    archive, flavor = send_archive(transfer, folder, name)
    transfer.run_checked(_shell.place_from_archive(archive, flavor, name, remote_path, metadata))


def upload_folder(transfer: Transfer, local_path: str, remote_path: str) -> None:
    archive, flavor = send_archive(transfer, local_path, None)
    transfer.run_checked(_shell.unpack_folder(archive, flavor, remote_path))


def send_archive(transfer: Transfer, folder: str, file: Optional[str]) -> Tuple[str, str]:
    """The archive's path in the VM, and the flavor of the VM's tar."""
    archive = _shell.staging_name("upload", ".tar.gz")
    staging = transfer.vms.files.presign(transfer.vm, archive)
    flavor = tar_flavor((transfer.run("tar", "--version")).stdout)
    options = pack_options(in_thread(local_tar_flavor), flavor)
    transfer.put(staging.upload_url, pack_folder(folder, options, file), None)
    transfer.fetch_into_vm(staging.download_url, archive)
    return archive, flavor


def pack_folder(folder: str, options: Sequence[str], file: Optional[str] = None) -> Generator[bytes, None, None]:
    return read_tar(lambda: packing(folder, options, file))


def pack_files(folder: str, names: Sequence[str]) -> Generator[bytes, None, None]:
    return read_tar(lambda: packing_files(folder, names))


def read_tar(start: Callable[[], TarProcess]) -> Generator[bytes, None, None]:
    """It is started at the first read, and ended when nobody reads any more."""
    tar = in_thread(start)
    try:
        while True:
            chunk = in_thread(tar.read)
            if not chunk:
                break
            yield chunk
        in_thread(tar.end)
    finally:
        tar.close()


def read_file(path: str) -> Generator[bytes, None, None]:
    file = in_thread(lambda: open(path, "rb", buffering=0))
    with file:
        while True:
            chunk = in_thread(file.read, CHUNK_BYTES)
            if not chunk:
                return
            yield chunk
