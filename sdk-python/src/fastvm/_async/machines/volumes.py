"""Volumes: storage with a life of its own, and `machine.volumes`, what a machine has of it."""

from __future__ import annotations

from typing import List, Optional, Union

from ..._machines import routes
from ..._machines.config import read_machine_config
from ..._machines.models import MachineFile, VolumeAttachmentInfo, VolumeHealth, VolumeInfo
from ..._options import present
from .connection import AsyncConnection, new_key
from .files import PAGE, chunks_of
from .sessions import AsyncDirWatch


class AsyncMachineVolumes:
    """Of a machine that runs or is paused: at most 8, each volume once."""

    def __init__(self, connection: AsyncConnection, machine_id: str) -> None:
        self._connection = connection
        self._machine_id = machine_id

    async def list(self) -> List[VolumeAttachmentInfo]:
        """In the order in which they were asked for."""
        return (await self._connection.call(routes.MACHINE_VOLUMES, self._machine_id)).attachments

    async def attach(
        self, ref: str, mount_path: str, *, subpath: Optional[str] = None, read_only: Optional[bool] = None
    ) -> VolumeAttachmentInfo:
        """`ref`: id or exact name. Of a paused machine it is mounted when that resumes."""
        body = present(ref=ref, mount_path=mount_path, subpath=subpath, read_only=read_only)
        return await self._connection.call(routes.ATTACH_VOLUME, self._machine_id, body=body, key=new_key())

    async def health(self, attachment_id: str) -> VolumeHealth:
        return await self._connection.call(routes.VOLUME_HEALTH, self._machine_id, attachment_id)

    async def remount(self, attachment_id: str) -> VolumeAttachmentInfo:
        """Taken by force and mounted anew; status `failed` says why it could not be."""
        return await self._connection.call(routes.REMOUNT_VOLUME, self._machine_id, attachment_id, body={})

    async def detach(self, attachment_id: str, *, force: bool = False) -> None:
        """`force`: also while programs have files of it open."""
        query = present(force=force or None)
        await self._connection.call(routes.DETACH_VOLUME, self._machine_id, attachment_id, query=query, once=True)


class AsyncMachineVolumeFiles:
    """Files of a volume, for which no machine is needed; `/` is the volume."""

    def __init__(self, connection: AsyncConnection, volume_id: str) -> None:
        self._connection = connection
        self._volume_id = volume_id

    async def read(self, path: str) -> bytes:
        response = await self._connection.open(routes.READ_VOLUME_FILE, self._volume_id, query={"path": path})
        return b"".join([chunk async for chunk in chunks_of(response)])

    async def write(self, path: str, data: Union[str, bytes], *, mode: Optional[str] = None) -> MachineFile:
        """Whole or not at all, with the folders above it. Text is written as UTF-8."""
        content = data.encode() if isinstance(data, str) else data
        query = present(path=path, mode=mode)
        return await self._connection.call(routes.WRITE_VOLUME_FILE, self._volume_id, query=query, content=content)

    async def list(self, path: str, *, depth: int = 0) -> List[MachineFile]:
        found: List[MachineFile] = []
        while True:
            query = present(path=path, depth=depth, limit=PAGE, after=found[-1].path if found else None)
            page = await self._connection.call(routes.LIST_VOLUME_FILES, self._volume_id, query=query)
            found += page.entries
            if not page.has_more:
                return found

    async def info(self, path: str) -> MachineFile:
        return await self._connection.call(routes.VOLUME_FILE_INFO, self._volume_id, query={"path": path})

    async def make_dir(self, path: str, *, mode: Optional[str] = None) -> MachineFile:
        return await self._connection.call(routes.MAKE_VOLUME_DIR, self._volume_id, body=present(path=path, mode=mode))

    async def rename(self, path: str, new_path: str) -> MachineFile:
        body = {"path": path, "new_path": new_path}
        return await self._connection.call(routes.RENAME_VOLUME_FILE, self._volume_id, body=body, once=True)

    async def set_permissions(self, path: str, mode: str) -> MachineFile:
        """Octal, such as "0644"."""
        body = {"path": path, "mode": mode}
        return await self._connection.call(routes.SET_VOLUME_FILE_PERMISSIONS, self._volume_id, body=body)

    async def remove(self, path: str, *, recursive: bool = False) -> None:
        query = present(path=path, recursive=recursive or None)
        await self._connection.call(routes.REMOVE_VOLUME_FILE, self._volume_id, query=query, once=True)

    async def watch_dir(self, path: str, *, recursive: bool = False) -> AsyncDirWatch:
        """What happens in a folder from now on, whoever does it; told within a second or two, and each change of that time once."""
        watch = AsyncDirWatch(self._connection.config, f"/v1/volumes/{self._volume_id}", path, recursive)
        await watch.begin()
        return watch


class AsyncVolume:
    """A volume, which several machines may have at once. As a context it lets go of the connection, and leaves the volume alone."""

    def __init__(self, connection: AsyncConnection, info: VolumeInfo) -> None:
        self._connection = connection
        self.id = info.id
        #: As it was when the handle was made.
        self.info = info
        self.files = AsyncMachineVolumeFiles(connection, info.id)

    @classmethod
    async def create(
        cls, name: str, *, max_size_bytes: Optional[int] = None, api_key: Optional[str] = None, base_url: Optional[str] = None
    ) -> "AsyncVolume":
        """Its size is reserved at once: whole GiB, rounded up; default 1 GiB."""
        connection = AsyncConnection(read_machine_config(api_key, base_url))
        body = present(name=name, max_size_bytes=max_size_bytes)
        try:
            return cls(connection, await connection.call(routes.CREATE_VOLUME, body=body, key=new_key()))
        except BaseException:
            await connection.aclose()
            raise

    @classmethod
    async def get(cls, ref: str, *, api_key: Optional[str] = None, base_url: Optional[str] = None) -> "AsyncVolume":
        """By id or exact name."""
        connection = AsyncConnection(read_machine_config(api_key, base_url))
        try:
            return cls(connection, await connection.call(routes.GET_VOLUME, ref))
        except BaseException:
            await connection.aclose()
            raise

    @classmethod
    async def list(cls, *, api_key: Optional[str] = None, base_url: Optional[str] = None) -> List[VolumeInfo]:
        """Newest first."""
        async with AsyncConnection(read_machine_config(api_key, base_url)) as connection:
            return (await connection.call(routes.LIST_VOLUMES)).volumes

    async def attachments(self) -> List[VolumeAttachmentInfo]:
        """Of all machines that have it."""
        return (await self._connection.call(routes.VOLUME_ATTACHMENTS, self.id)).attachments

    async def delete(self) -> None:
        """With all that is in it; code `volume_busy` while a machine has it."""
        await self._connection.call(routes.DELETE_VOLUME, self.id)

    async def aclose(self) -> None:
        await self._connection.aclose()
