# Made by tools/unasync.py from _async/transfer.py; not to be edited.
"""What uploads and downloads share: the calls that they need, and the PUT and GET of the staging object."""

from __future__ import annotations

from typing import TYPE_CHECKING, Dict, Generator, Iterable, Optional

import httpx

from .._errors import FileTransferError, UnprocessableEntityError, describe
from .._generated.models import ExecVMResponse
from .._progress import OnProgress, TransferProgress
from .._refs import VMRef
from .._request import id_of
from .._trust import trusted

if TYPE_CHECKING:
    from .vms import Vms

DEFAULT_TRANSFER_SECONDS = 600
# Of a server's or a command's complaint no more than this is worth repeating.
MAX_COMPLAINT_CHARS = 2000
# A staging object may be many gigabytes, and the VM's side of it slow; but each piece comes.
STAGING_TIMEOUT = httpx.Timeout(900.0, connect=15.0)
CONTENT_TYPE = "application/octet-stream"
# Whatever comes is to land as it was put there.
AS_IT_IS = {"accept-encoding": "identity"}


class Transfer:
    """One upload or download."""

    def __init__(
        self,
        vms: Vms,
        vm: VMRef,
        *,
        fetch_timeout_sec: int = DEFAULT_TRANSFER_SECONDS,
        exec_timeout_sec: int = DEFAULT_TRANSFER_SECONDS,
        on_progress: Optional[OnProgress] = None,
    ) -> None:
        self.vms = vms
        self.vm = id_of(vm)
        self._fetch_timeout_sec = fetch_timeout_sec
        self._exec_timeout_sec = exec_timeout_sec
        self._on_progress = on_progress

    def run(self, *argv: str) -> ExecVMResponse:
        return self.vms.run(self.vm, command=argv, timeout_sec=self._exec_timeout_sec)

    def run_checked(self, script: str) -> None:
        throw_if_failed(self.run("sh", "-c", script), "The VM's side of the transfer")

    def fetch_into_vm(self, url: str, path: str) -> None:
        try:
            result = self.vms.files.fetch(self.vm, url, path, self._fetch_timeout_sec)
        except UnprocessableEntityError as cause:
            # The VM's own reason, in the words of its kernel.
            raise FileTransferError(f"Writing {path} in VM {self.vm} failed: {cause.detail}") from cause
        throw_if_failed(result, f"Writing {path} in VM {self.vm}")

    def put(
        self, url: str, chunks: Generator[bytes, None, None], size: Optional[int], content_type: str = CONTENT_TYPE
    ) -> None:
        """The API key is not sent along: the URL is the permission. Whatever happens, the chunks are let go of."""
        headers: Dict[str, str] = {"content-type": content_type}
        if size is not None:
            headers["content-length"] = str(size)
        counted = self._counted(chunks, size)
        try:
            with staging_client() as client:
                response = client.put(url, content=counted, headers=headers)
        except httpx.HTTPError as cause:
            raise FileTransferError(f"The upload broke: {describe(cause)}") from cause
        finally:
            counted.close()
            chunks.close()
        if not response.is_success:
            raise refused("upload", response.status_code, response.text)

    def get(self, url: str) -> Generator[bytes, None, None]:
        """Who stops before its end closes it."""
        try:
            with staging_client() as client, client.stream("GET", url, headers=AS_IT_IS) as response:
                if not response.is_success:
                    response.read()
                    raise refused("download", response.status_code, response.text)
                length = response.headers.get("content-length")
                for chunk in self._counted(response.iter_raw(), None if length is None else int(length)):
                    yield chunk
        except httpx.HTTPError as cause:
            raise FileTransferError(f"The download broke: {describe(cause)}") from cause

    def _counted(self, chunks: Iterable[bytes], total: Optional[int]) -> Generator[bytes, None, None]:
        transferred = 0
        for chunk in chunks:
            yield chunk
            transferred += len(chunk)
            if self._on_progress is not None:
                self._on_progress(TransferProgress(transferred, total))


def staging_client() -> httpx.Client:
    return httpx.Client(timeout=STAGING_TIMEOUT, follow_redirects=False, verify=trusted())


def throw_if_failed(result: ExecVMResponse, what: str) -> None:
    if result.timed_out:
        raise FileTransferError(f"{what} took too long")
    if result.exit_code != 0:
        complaint = result.stderr.strip()[:MAX_COMPLAINT_CHARS]
        raise FileTransferError(f"{what} failed with exit code {result.exit_code}: {complaint}")


def refused(what: str, status: int, text: str) -> FileTransferError:
    return FileTransferError(f"The {what} was refused ({status}): {text[:MAX_COMPLAINT_CHARS]}")
