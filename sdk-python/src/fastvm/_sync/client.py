# Made by tools/unasync.py from _async/client.py; not to be edited.
"""The client for threads: its resources, and the helpers above them."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Mapping, Optional, Type

import httpx

from .._config import DEFAULT_MAX_RETRIES, Timeout, read_config
from .._errors import BuildError, BuildNotReadyError
from .._generated import routes
from .._generated.models import VM, HealthResponse, Snapshot
from .._options import CallOptions, Headers, Query
from .._progress import OnProgress
from .._refs import VMRef
from .._tar_flavor import pack_options
from .._tar_process import local_tar_flavor
from .._waiting import DEFAULT_POLL_SECONDS, DEFAULT_WAIT_SECONDS, Patience
from .blocking import in_thread, sleep
from .builds import BuildContexts, Builds
from .disk_usage import DiskUsages
from .download import download
from .http import Http
from .images import Images
from .quotas import Quotas
from .registries import RegistryLogins
from .snapshots import Snapshots
from .ssh_keys import Me
from .transfer import DEFAULT_TRANSFER_SECONDS, Transfer
from .upload import pack_folder, upload
from .vms import Vms

# Pulling and unpacking an image may take its time.
DEFAULT_BUILD_SECONDS = 3600.0


class FastvmClient:
    """
    `api_key` and `base_url` default to the environment's FASTVM_API_KEY and FASTVM_BASE_URL. `timeout` is in seconds,
    or as httpx has it; without it each call has its own default. Calls that are safe to repeat are repeated
    `max_retries` times. Connections are kept and shared.
    """

    def __init__(
        self,
        *,
        api_key: Optional[str] = None,
        base_url: Optional[str] = None,
        timeout: Timeout = None,
        max_retries: int = DEFAULT_MAX_RETRIES,
        default_headers: Optional[Mapping[str, str]] = None,
        http_client: Optional[httpx.Client] = None,
    ) -> None:
        config = read_config(
            api_key=api_key,
            base_url=base_url,
            timeout=timeout,
            max_retries=max_retries,
            default_headers=default_headers,
        )
        self._http = Http(config, http_client)
        self.vms = Vms(self._http)
        self.snapshots = Snapshots(self._http, self.vms)
        self.builds = Builds(self._http)
        self.build_contexts = BuildContexts(self._http)
        self.images = Images(self._http)
        self.registries = RegistryLogins(self._http)
        self.quotas = Quotas(self._http)
        self.disk_usage = DiskUsages(self._http)
        self.me = Me(self._http)

    @property
    def api_key(self) -> str:
        return self._http.config.api_key

    @property
    def base_url(self) -> str:
        return self._http.config.base_url

    @property
    def max_retries(self) -> int:
        return self._http.config.max_retries

    def close(self) -> None:
        """Ends the connections. A client of `http_client`'s is its owner's to end."""
        self._http.close()

    def __enter__(self) -> "FastvmClient":
        return self

    def __exit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        self.close()

    def health(
        self,
        *,
        timeout: Timeout = None,
        max_retries: Optional[int] = None,
        extra_headers: Optional[Headers] = None,
        extra_query: Optional[Query] = None,
        extra_body: Optional[Mapping[str, Any]] = None,
    ) -> HealthResponse:
        """Whether the server is up. Needs no valid key."""
        options = CallOptions(timeout, max_retries, extra_headers, extra_query, extra_body)
        return self._http.call(routes.HEALTHZ, options=options)

    def wait_for_vm_ready(
        self, vm_id: VMRef, *, poll_interval: float = DEFAULT_POLL_SECONDS, timeout: float = DEFAULT_WAIT_SECONDS
    ) -> VM:
        """Returns when the VM runs. Raises VMLaunchError when it will not, VMNotReadyError after `timeout` seconds."""
        return self.vms.wait_until_running(vm_id, poll_interval=poll_interval, timeout=timeout)

    def upload(
        self,
        vm_id: VMRef,
        local_path: str,
        remote_path: str,
        *,
        fetch_timeout_sec: int = DEFAULT_TRANSFER_SECONDS,
        exec_timeout_sec: int = DEFAULT_TRANSFER_SECONDS,
        on_progress: Optional[OnProgress] = None,
    ) -> None:
        """
        Copies a file or a folder of this machine into the VM, where a folder's contents join those of a folder that is
        there. Memory use does not grow with the size. Folders, and files with holes, need `tar` on this machine. Raises
        FileTransferError, and FileNotFoundError when there is nothing to upload.
        """
        transfer = Transfer(
            self.vms,
            vm_id,
            fetch_timeout_sec=fetch_timeout_sec,
            exec_timeout_sec=exec_timeout_sec,
            on_progress=on_progress,
        )
        upload(transfer, str(local_path), remote_path)

    def download(
        self,
        vm_id: VMRef,
        remote_path: str,
        local_path: str,
        *,
        exec_timeout_sec: int = DEFAULT_TRANSFER_SECONDS,
        on_progress: Optional[OnProgress] = None,
    ) -> None:
        """The other direction, with the same rules. Raises FileNotFoundError when the VM has no such path."""
        transfer = Transfer(self.vms, vm_id, exec_timeout_sec=exec_timeout_sec, on_progress=on_progress)
        download(transfer, remote_path, str(local_path))

    def build(
        self,
        *,
        image_ref: Optional[str] = None,
        dockerfile: Optional[str] = None,
        context_dir: Optional[str] = None,
        name: Optional[str] = None,
        machine_type: Optional[str] = None,
        disk_gi_b: Optional[int] = None,
        poll_interval: float = DEFAULT_POLL_SECONDS,
        timeout: float = DEFAULT_BUILD_SECONDS,
    ) -> Snapshot:
        """
        A snapshot of a VM with the image's files. `dockerfile` is its text, `context_dir` the folder that its COPY
        reads. Raises BuildError when the build fails, BuildNotReadyError after `timeout` seconds.
        """
        url = None if context_dir is None else self._send_context(str(context_dir))
        build = self.builds.create(
            name=name,
            image_ref=image_ref,
            dockerfile_content=dockerfile,
            machine_type=machine_type,
            disk_gi_b=disk_gi_b,
            context_download_url=url,
        )
        patience = Patience(poll_interval, timeout)
        while build.status != "completed" or build.snapshot_id is None:
            if build.status == "failed":
                raise BuildError(build.id, build.error)
            pause = patience.pause()
            if pause is None:
                raise BuildNotReadyError(build.id, build.status, timeout)
            sleep(pause)
            build = self.builds.retrieve(build.id)
        return self.snapshots.retrieve(build.snapshot_id)

    def _send_context(self, folder: str) -> str:
        staging = self.build_contexts.presign()
        options = pack_options(in_thread(local_tar_flavor), "gnu")
        transfer = Transfer(self.vms, "build context")
        transfer.put(staging.upload_url, pack_folder(folder, options), None, "application/gzip")
        return staging.download_url
