# Made by tools/unasync.py from _async/machines/volumes.py; not to be edited.
"""Volumes: storage with a life of its own, and `machine.volumes`, what a machine has of it."""

from __future__ import annotations

from typing import List, Optional, Union

from ..._machines import routes
from ..._machines.config import read_machine_config
from ..._machines.models import MachineFile, VolumeAttachmentInfo, VolumeHealth, VolumeInfo
from ..._options import present
from .connection import Connection, new_key
from .files import PAGE, chunks_of
from .sessions import DirWatch


class MachineVolumes:
    """Of a machine that runs or is paused: at most 8, each volume once."""

    def __init__(self, connection: Connection, machine_id: str) -> None:
        self._connection = connection
        self._machine_id = machine_id

    def list(self) -> List[VolumeAttachmentInfo]:
        """In the order in which they were asked for."""
        return (self._connection.call(routes.MACHINE_VOLUMES, self._machine_id)).attachments

    def attach(
        self, ref: str, mount_path: str, *, subpath: Optional[str] = None, read_only: Optional[bool] = None
    ) -> VolumeAttachmentInfo:
        """`ref`: id or exact name. Of a paused machine it is mounted when that resumes."""
        body = present(ref=ref, mount_path=mount_path, subpath=subpath, read_only=read_only)
        return self._connection.call(routes.ATTACH_VOLUME, self._machine_id, body=body, key=new_key())

    def health(self, attachment_id: str) -> VolumeHealth:
        return self._connection.call(routes.VOLUME_HEALTH, self._machine_id, attachment_id)

    def remount(self, attachment_id: str) -> VolumeAttachmentInfo:
        """Taken by force and mounted anew; status `failed` says why it could not be."""
        return self._connection.call(routes.REMOUNT_VOLUME, self._machine_id, attachment_id, body={})

    def detach(self, attachment_id: str, *, force: bool = False) -> None:
        """`force`: also while programs have files of it open."""
        query = present(force=force or None)
        self._connection.call(routes.DETACH_VOLUME, self._machine_id, attachment_id, query=query, once=True)


class MachineVolumeFiles:
    """Files of a volume, for which no machine is needed; `/` is the volume."""

    def __init__(self, connection: Connection, volume_id: str) -> None:
        self._connection = connection
        self._volume_id = volume_id

    def read(self, path: str) -> bytes:
        response = self._connection.open(routes.READ_VOLUME_FILE, self._volume_id, query={"path": path})
        return b"".join([chunk for chunk in chunks_of(response)])

    def write(self, path: str, data: Union[str, bytes], *, mode: Optional[str] = None) -> MachineFile:
        """Whole or not at all, with the folders above it. Text is written as UTF-8."""
        content = data.encode() if isinstance(data, str) else data
        query = present(path=path, mode=mode)
        return self._connection.call(routes.WRITE_VOLUME_FILE, self._volume_id, query=query, content=content)

    def list(self, path: str, *, depth: int = 0) -> List[MachineFile]:
        found: List[MachineFile] = []
        while True:
            query = present(path=path, depth=depth, limit=PAGE, after=found[-1].path if found else None)
            page = self._connection.call(routes.LIST_VOLUME_FILES, self._volume_id, query=query)
            found += page.entries
            if not page.has_more:
                return found

    def info(self, path: str) -> MachineFile:
        return self._connection.call(routes.VOLUME_FILE_INFO, self._volume_id, query={"path": path})

    def make_dir(self, path: str, *, mode: Optional[str] = None) -> MachineFile:
        return self._connection.call(routes.MAKE_VOLUME_DIR, self._volume_id, body=present(path=path, mode=mode))

    def rename(self, path: str, new_path: str) -> MachineFile:
        body = {"path": path, "new_path": new_path}
        return self._connection.call(routes.RENAME_VOLUME_FILE, self._volume_id, body=body, once=True)

    def set_permissions(self, path: str, mode: str) -> MachineFile:
        """Octal, such as "0644"."""
        body = {"path": path, "mode": mode}
        return self._connection.call(routes.SET_VOLUME_FILE_PERMISSIONS, self._volume_id, body=body)

    def remove(self, path: str, *, recursive: bool = False) -> None:
        query = present(path=path, recursive=recursive or None)
        self._connection.call(routes.REMOVE_VOLUME_FILE, self._volume_id, query=query, once=True)

    def watch_dir(self, path: str, *, recursive: bool = False) -> DirWatch:
        """What happens in a folder from now on, whoever does it; told within a second or two, and each change of that time once."""
        watch = DirWatch(self._connection.config, f"/v1/volumes/{self._volume_id}", path, recursive)
        watch.begin()
        return watch


class Volume:
    """A volume, which several machines may have at once. As a context it lets go of the connection, and leaves the volume alone."""

    def __init__(self, connection: Connection, info: VolumeInfo) -> None:
        self._connection = connection
        self.id = info.id
        #: As it was when the handle was made.
        self.info = info
        self.files = MachineVolumeFiles(connection, info.id)

    @classmethod
    def create(
        cls, name: str, *, max_size_bytes: Optional[int] = None, api_key: Optional[str] = None, base_url: Optional[str] = None
    ) -> "Volume":
        """Its size is reserved at once: whole GiB, rounded up; default 1 GiB."""
        connection = Connection(read_machine_config(api_key, base_url))
        body = present(name=name, max_size_bytes=max_size_bytes)
        try:
            return cls(connection, connection.call(routes.CREATE_VOLUME, body=body, key=new_key()))
        except BaseException:
            connection.close()
            raise

    @classmethod
    def get(cls, ref: str, *, api_key: Optional[str] = None, base_url: Optional[str] = None) -> "Volume":
        """By id or exact name."""
        connection = Connection(read_machine_config(api_key, base_url))
        try:
            return cls(connection, connection.call(routes.GET_VOLUME, ref))
        except BaseException:
            connection.close()
            raise

    @classmethod
    def list(cls, *, api_key: Optional[str] = None, base_url: Optional[str] = None) -> List[VolumeInfo]:
        """Newest first."""
        with Connection(read_machine_config(api_key, base_url)) as connection:
            return (connection.call(routes.LIST_VOLUMES)).volumes

    def attachments(self) -> List[VolumeAttachmentInfo]:
        """Of all machines that have it."""
        return (self._connection.call(routes.VOLUME_ATTACHMENTS, self.id)).attachments

    def delete(self) -> None:
        """With all that is in it; code `volume_busy` while a machine has it."""
        self._connection.call(routes.DELETE_VOLUME, self.id)

    def close(self) -> None:
        self._connection.close()
