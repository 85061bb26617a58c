"""Templates: built from a `TemplateBuilder`, named, and what their builds print."""

from __future__ import annotations

from typing import Any, AsyncGenerator, Callable, List, Optional

from ..._machines import template_routes as routes
from ..._machines.config import read_machine_config
from ..._machines.errors import MachineError
from ..._machines.template_builder import TemplateBuilder
from ..._machines.template_models import TemplateBuildInfo, TemplateInfo
from ..._model import from_wire
from ..._options import present
from .connection import AsyncConnection, new_key

#: Below what the server waits at most, and what a call may last.
WAIT_MS = 20_000


class AsyncTemplate:
    @classmethod
    async def build_in_background(
        cls,
        name: str,
        builder: TemplateBuilder,
        *,
        tag: Optional[str] = None,
        vcpus: Optional[int] = None,
        memory_mb: Optional[int] = None,
        disk_mb: Optional[int] = None,
        context_id: Optional[str] = None,
        no_cache: Optional[bool] = None,
        idempotency_key: Optional[str] = None,
        api_key: Optional[str] = None,
        base_url: Optional[str] = None,
    ) -> TemplateBuildInfo:
        """Begins a build, which goes on by itself; the template is made if there is none of that name."""
        resources = present(vcpus=vcpus, memory_mb=memory_mb, disk_mb=disk_mb)
        body = present(
            name=name,
            tag=tag,
            definition=builder.to_definition(),
            resources=resources or None,
            context_id=context_id,
            no_cache=no_cache,
        )
        async with AsyncConnection(read_machine_config(api_key, base_url)) as connection:
            return await connection.call(routes.CREATE, body=body, key=idempotency_key or new_key())

    @classmethod
    async def build(
        cls,
        name: str,
        builder: TemplateBuilder,
        *,
        on_log: Optional[Callable[[str], Any]] = None,
        api_key: Optional[str] = None,
        base_url: Optional[str] = None,
        **options: Any,
    ) -> TemplateBuildInfo:
        """Returns when it is ready, with each line told as it comes; any other end is an error, code `template_build_failed`."""
        begun = await cls.build_in_background(name, builder, api_key=api_key, base_url=base_url, **options)
        async for line in cls.follow_logs(begun.id, api_key=api_key, base_url=base_url):
            if on_log is not None:
                on_log(line)
        build = await cls.get_build(begun.id, api_key=api_key, base_url=base_url)
        if build.status != "ready":
            raise MachineError(build.error or f"The build is {build.status}", code="template_build_failed")
        return build

    @classmethod
    async def list(cls, *, api_key: Optional[str] = None, base_url: Optional[str] = None) -> List[TemplateInfo]:
        """Newest first."""
        async with AsyncConnection(read_machine_config(api_key, base_url)) as connection:
            answer = await connection.call(routes.LIST)
        found: List[TemplateInfo] = from_wire(routes.TEMPLATES, answer["templates"])
        return found

    @classmethod
    async def get(cls, ref: str, *, api_key: Optional[str] = None, base_url: Optional[str] = None) -> TemplateInfo:
        """By name, another name, or id."""
        async with AsyncConnection(read_machine_config(api_key, base_url)) as connection:
            return await connection.call(routes.GET, ref)

    @classmethod
    async def rename(
        cls, ref: str, name: str, *, api_key: Optional[str] = None, base_url: Optional[str] = None
    ) -> TemplateInfo:
        """The old name is free again."""
        async with AsyncConnection(read_machine_config(api_key, base_url)) as connection:
            return await connection.call(routes.RENAME, ref, body={"name": name}, once=True)

    @classmethod
    async def add_alias(
        cls, ref: str, name: str, *, api_key: Optional[str] = None, base_url: Optional[str] = None
    ) -> TemplateInfo:
        async with AsyncConnection(read_machine_config(api_key, base_url)) as connection:
            return await connection.call(routes.ADD_ALIAS, ref, body={"name": name})

    @classmethod
    async def remove_alias(
        cls, ref: str, name: str, *, api_key: Optional[str] = None, base_url: Optional[str] = None
    ) -> TemplateInfo:
        async with AsyncConnection(read_machine_config(api_key, base_url)) as connection:
            return await connection.call(routes.REMOVE_ALIAS, ref, name, once=True)

    @classmethod
    async def promote(
        cls,
        ref: str,
        build_id: str,
        *,
        tag: Optional[str] = None,
        api_key: Optional[str] = None,
        base_url: Optional[str] = None,
    ) -> TemplateInfo:
        """The tag, by default `latest`, means that build from now on; warm pools that follow it do too."""
        async with AsyncConnection(read_machine_config(api_key, base_url)) as connection:
            return await connection.call(routes.PROMOTE, ref, body=present(build_id=build_id, tag=tag))

    @classmethod
    async def delete(cls, ref: str, *, api_key: Optional[str] = None, base_url: Optional[str] = None) -> None:
        """With its builds; machines of it stay."""
        async with AsyncConnection(read_machine_config(api_key, base_url)) as connection:
            await connection.call(routes.DELETE, ref, once=True)

    @classmethod
    async def get_build(cls, id: str, *, api_key: Optional[str] = None, base_url: Optional[str] = None) -> TemplateBuildInfo:
        async with AsyncConnection(read_machine_config(api_key, base_url)) as connection:
            return await connection.call(routes.GET_BUILD, id)

    @classmethod
    async def cancel_build(
        cls, id: str, *, api_key: Optional[str] = None, base_url: Optional[str] = None
    ) -> TemplateBuildInfo:
        """Fine for one that has ended."""
        async with AsyncConnection(read_machine_config(api_key, base_url)) as connection:
            return await connection.call(routes.CANCEL, id, body={})

    @classmethod
    async def retry_build(
        cls,
        id: str,
        *,
        context_id: Optional[str] = None,
        idempotency_key: Optional[str] = None,
        api_key: Optional[str] = None,
        base_url: Optional[str] = None,
    ) -> TemplateBuildInfo:
        """Another build of the same definition."""
        async with AsyncConnection(read_machine_config(api_key, base_url)) as connection:
            key = idempotency_key or new_key()
            return await connection.call(routes.RETRY, id, body=present(context_id=context_id), key=key)

    @classmethod
    async def follow_logs(
        cls, id: str, *, offset: int = 0, api_key: Optional[str] = None, base_url: Optional[str] = None
    ) -> AsyncGenerator[str, None]:
        """From that line on, over whatever connections that takes, to its end."""
        async with AsyncConnection(read_machine_config(api_key, base_url)) as connection:
            while True:
                page = await connection.call(routes.LOGS, id, query={"offset": offset, "wait_ms": WAIT_MS})
                for line in page["lines"]:
                    yield line
                if page["complete"]:
                    return
                offset = page["next_offset"]
