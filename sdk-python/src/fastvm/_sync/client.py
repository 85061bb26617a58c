# Made by tools/unasync.py from _async/client.py; not to be edited.
"""The client for threads: its resources, and the helpers above them."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Any, Callable, Mapping, Optional, Type

import httpx

from .._config import DEFAULT_MAX_RETRIES, Timeout, read_config
from .._dockerignore import context_files
from .._generated import routes
from .._generated.models import VM, BuildResponse, HealthResponse, Snapshot
from .._options import CallOptions, Headers, Query
from .._progress import OnProgress
from .._refs import VMRef
from .._waiting import DEFAULT_POLL_SECONDS, DEFAULT_WAIT_SECONDS
from .blocking import in_thread
from .audit import Audit
from .builds import DEFAULT_BUILD_SECONDS, BuildContexts, Builds, SnapshotImports
from .disk_usage import DiskUsages
from .download import download
from .http import Http
from .images import Images
from .keys import Keys
from .quotas import Quotas
from .events import Events
from .registries import RegistryLogins
from .snapshots import Snapshots
from .ssh_keys import Me
from .transfer import DEFAULT_TRANSFER_SECONDS, Transfer
from .upload import pack_files, upload
from .vms import Vms
from .volumes import Volumes
from .webhooks import Webhooks

DOCKERFILE = "Dockerfile"


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
        self.volumes = Volumes(self._http)
        self.builds = Builds(self._http)
        self.build_contexts = BuildContexts(self._http)
        self.snapshot_imports = SnapshotImports(self._http)
        self.images = Images(self._http)
        self.registries = RegistryLogins(self._http)
        self.keys = Keys(self._http)
        self.audit = Audit(self._http)
        self.events = Events(self._http)
        self.webhooks = Webhooks(self._http)
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
        dockerfile_path: Optional[str] = None,
        target: Optional[str] = None,
        build_args: Optional[Mapping[str, str]] = None,
        secrets: Optional[Mapping[str, str]] = None,
        tag: Optional[str] = None,
        no_cache: Optional[bool] = None,
        firewall: Optional[Any] = None,
        on_log: Optional[Callable[[str], object]] = None,
        poll_interval: float = DEFAULT_POLL_SECONDS,
        timeout: float = DEFAULT_BUILD_SECONDS,
    ) -> Snapshot:
        """
        A snapshot of a VM with the image's files. `dockerfile` is its text, by default what `context_dir` has under
        `dockerfile_path`; `context_dir` is the folder that its COPY reads, without what `.dockerignore` names. `on_log`
        is called with each line as it is printed. Raises BuildError when the build fails, BuildNotReadyError after
        `timeout` seconds.
        """
        build = self.start_build(
            image_ref=image_ref,
            dockerfile=dockerfile,
            context_dir=context_dir,
            name=name,
            machine_type=machine_type,
            disk_gi_b=disk_gi_b,
            dockerfile_path=dockerfile_path,
            target=target,
            build_args=build_args,
            secrets=secrets,
            tag=tag,
            no_cache=no_cache,
            firewall=firewall,
        )
        if on_log is not None:
            for event in self.builds.follow(build.id):
                if event.line is not None:
                    on_log(event.line)
        done = self.builds.wait(build.id, poll_interval=poll_interval, timeout=timeout)
        return self.snapshots.retrieve(str(done.snapshot_id))

    def start_build(
        self,
        *,
        image_ref: Optional[str] = None,
        dockerfile: Optional[str] = None,
        context_dir: Optional[str] = None,
        name: Optional[str] = None,
        machine_type: Optional[str] = None,
        disk_gi_b: Optional[int] = None,
        dockerfile_path: Optional[str] = None,
        target: Optional[str] = None,
        build_args: Optional[Mapping[str, str]] = None,
        secrets: Optional[Mapping[str, str]] = None,
        tag: Optional[str] = None,
        no_cache: Optional[bool] = None,
        firewall: Optional[Any] = None,
    ) -> BuildResponse:
        """
        As `build`, and returns when it has begun: `builds.follow` gives what it prints, `builds.wait` its end.
        """
        text, url = dockerfile, None
        if context_dir is not None:
            folder, path = str(context_dir), dockerfile_path or DOCKERFILE
            # As text, since `.dockerignore` may leave it out.
            if text is None:
                text = Path(folder, path).read_text(encoding="utf-8")
            url = self._send_context(folder, path if dockerfile is None else None)
        return self.builds.create(
            name=name,
            image_ref=image_ref,
            dockerfile_content=text,
            machine_type=machine_type,
            disk_gi_b=disk_gi_b,
            context_download_url=url,
            target=target,
            build_args=build_args,
            secrets=secrets,
            tag=tag,
            no_cache=no_cache,
            firewall=firewall,
        )

    def _send_context(self, folder: str, dockerfile: Optional[str]) -> str:
        files = in_thread(context_files, folder, dockerfile)
        staging = self.build_contexts.presign()
        transfer = Transfer(self.vms, "build context")
        transfer.put(staging.upload_url, pack_files(folder, files), None, "application/gzip")
        return staging.download_url
