"""The client for asyncio: its resources, and the helpers above them."""

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
from .audit import AsyncAudit
from .builds import DEFAULT_BUILD_SECONDS, AsyncBuildContexts, AsyncBuilds, AsyncSnapshotImports
from .disk_usage import AsyncDiskUsages
from .download import download
from .http import AsyncHttp
from .images import AsyncImages
from .keys import AsyncKeys
from .quotas import AsyncQuotas
from .events import AsyncEvents
from .registries import AsyncRegistryLogins
from .snapshots import AsyncSnapshots
from .ssh_keys import AsyncMe
from .transfer import DEFAULT_TRANSFER_SECONDS, AsyncTransfer
from .upload import pack_files, upload
from .vms import AsyncVms
from .volumes import AsyncVolumes
from .webhooks import AsyncWebhooks

DOCKERFILE = "Dockerfile"


class AsyncFastvmClient:
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
        http_client: Optional[httpx.AsyncClient] = None,
    ) -> None:
        config = read_config(
            api_key=api_key,
            base_url=base_url,
            timeout=timeout,
            max_retries=max_retries,
            default_headers=default_headers,
        )
        self._http = AsyncHttp(config, http_client)
        self.vms = AsyncVms(self._http)
        self.snapshots = AsyncSnapshots(self._http, self.vms)
        self.volumes = AsyncVolumes(self._http)
        self.builds = AsyncBuilds(self._http)
        self.build_contexts = AsyncBuildContexts(self._http)
        self.snapshot_imports = AsyncSnapshotImports(self._http)
        self.images = AsyncImages(self._http)
        self.registries = AsyncRegistryLogins(self._http)
        self.keys = AsyncKeys(self._http)
        self.audit = AsyncAudit(self._http)
        self.events = AsyncEvents(self._http)
        self.webhooks = AsyncWebhooks(self._http)
        self.quotas = AsyncQuotas(self._http)
        self.disk_usage = AsyncDiskUsages(self._http)
        self.me = AsyncMe(self._http)

    @property
    def api_key(self) -> str:
        return self._http.config.api_key

    @property
    def base_url(self) -> str:
        return self._http.config.base_url

    @property
    def max_retries(self) -> int:
        return self._http.config.max_retries

    async def aclose(self) -> None:
        """Ends the connections. A client of `http_client`'s is its owner's to end."""
        await self._http.aclose()

    async def __aenter__(self) -> "AsyncFastvmClient":
        return self

    async def __aexit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        await self.aclose()

    async def health(
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
        return await self._http.call(routes.HEALTHZ, options=options)

    async def wait_for_vm_ready(
        self, vm_id: VMRef, *, poll_interval: float = DEFAULT_POLL_SECONDS, timeout: float = DEFAULT_WAIT_SECONDS
    ) -> VM:
        """Returns when the VM runs. Raises VMLaunchError when it will not, VMNotReadyError after `timeout` seconds."""
        return await self.vms.wait_until_running(vm_id, poll_interval=poll_interval, timeout=timeout)

    async def upload(
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
        transfer = AsyncTransfer(
            self.vms,
            vm_id,
            fetch_timeout_sec=fetch_timeout_sec,
            exec_timeout_sec=exec_timeout_sec,
            on_progress=on_progress,
        )
        await upload(transfer, str(local_path), remote_path)

    async def download(
        self,
        vm_id: VMRef,
        remote_path: str,
        local_path: str,
        *,
        exec_timeout_sec: int = DEFAULT_TRANSFER_SECONDS,
        on_progress: Optional[OnProgress] = None,
    ) -> None:
        """The other direction, with the same rules. Raises FileNotFoundError when the VM has no such path."""
        transfer = AsyncTransfer(self.vms, vm_id, exec_timeout_sec=exec_timeout_sec, on_progress=on_progress)
        await download(transfer, remote_path, str(local_path))

    async def build(
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
        build = await self.start_build(
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
            async for event in self.builds.follow(build.id):
                if event.line is not None:
                    on_log(event.line)
        done = await self.builds.wait(build.id, poll_interval=poll_interval, timeout=timeout)
        return await self.snapshots.retrieve(str(done.snapshot_id))

    async def start_build(
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
            url = await self._send_context(folder, path if dockerfile is None else None)
        return await self.builds.create(
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

    async def _send_context(self, folder: str, dockerfile: Optional[str]) -> str:
        files = await in_thread(context_files, folder, dockerfile)
        staging = await self.build_contexts.presign()
        transfer = AsyncTransfer(self.vms, "build context")
        await transfer.put(staging.upload_url, pack_files(folder, files), None, "application/gzip")
        return staging.download_url
