"""What a template is to be, said step by step. Nothing is sent before it is built."""

from __future__ import annotations

from typing import Any, Dict, List, Optional

from .._options import present


class TemplateBuilder:
    """`TemplateBuilder.from_image("python:3.13").pip_install("flask").set_start_cmd("flask run", wait_for_port=5000)`"""

    def __init__(self, base: Dict[str, str]) -> None:
        self._base = base
        self._steps: List[Dict[str, Any]] = []
        self._build_envs: Dict[str, str] = {}
        self._runtime_envs: Dict[str, str] = {}
        self._start: Optional[Dict[str, Any]] = None

    @classmethod
    def from_image(cls, image: str) -> "TemplateBuilder":
        return cls({"base_image": image})

    @classmethod
    def from_template(cls, template: str) -> "TemplateBuilder":
        """By any reference of it; its runtime variables are inherited."""
        return cls({"base_template": template})

    @classmethod
    def from_dockerfile(cls, text: str) -> "TemplateBuilder":
        return cls({"dockerfile": text})

    @classmethod
    def from_ubuntu(cls, version: str = "24.04") -> "TemplateBuilder":
        return cls.from_image(f"ubuntu:{version}")

    @classmethod
    def from_debian(cls, version: str = "12") -> "TemplateBuilder":
        return cls.from_image(f"debian:{version}")

    @classmethod
    def from_python(cls, version: str = "3.13") -> "TemplateBuilder":
        return cls.from_image(f"python:{version}")

    @classmethod
    def from_node(cls, version: str = "24") -> "TemplateBuilder":
        return cls.from_image(f"node:{version}")

    @classmethod
    def from_bun(cls, version: str = "1") -> "TemplateBuilder":
        return cls.from_image(f"oven/bun:{version}")

    def run(self, command: str) -> "TemplateBuilder":
        """By the shell."""
        return self._step(kind="run", command=command)

    def apt_install(self, *packages: str) -> "TemplateBuilder":
        return self._step(kind="apt_install", packages=list(packages))

    def pip_install(self, *packages: str) -> "TemplateBuilder":
        return self._step(kind="pip_install", packages=list(packages))

    def npm_install(self, *packages: str) -> "TemplateBuilder":
        return self._step(kind="npm_install", packages=list(packages))

    def bun_install(self, *packages: str) -> "TemplateBuilder":
        return self._step(kind="bun_install", packages=list(packages))

    def copy(self, source: str, destination: str) -> "TemplateBuilder":
        """From the context that the build is given."""
        return self._step(kind="copy", source=source, destination=destination)

    def remove(self, path: str) -> "TemplateBuilder":
        return self._step(kind="remove", path=path)

    def rename(self, source: str, destination: str) -> "TemplateBuilder":
        return self._step(kind="rename", source=source, destination=destination)

    def git_clone(self, url: str, path: str, *, branch: Optional[str] = None) -> "TemplateBuilder":
        return self._step(kind="git_clone", url=url, path=path, branch=branch)

    def workdir(self, path: str) -> "TemplateBuilder":
        return self._step(kind="workdir", path=path)

    def user(self, name: str) -> "TemplateBuilder":
        """Of the steps behind it."""
        return self._step(kind="user", name=name)

    def set_build_envs(self, envs: Dict[str, str]) -> "TemplateBuilder":
        """Of the steps, and of nothing later."""
        self._build_envs.update(envs)
        return self

    def set_runtime_envs(self, envs: Dict[str, str]) -> "TemplateBuilder":
        """Of every command in its machines, and in those of templates on top of it."""
        self._runtime_envs.update(envs)
        return self

    def set_start_cmd(
        self,
        command: str,
        *,
        wait_for_port: Optional[int] = None,
        wait_for_url: Optional[str] = None,
        wait_for_command: Optional[str] = None,
        timeout_seconds: Optional[int] = None,
    ) -> "TemplateBuilder":
        """Runs while the template is built: every machine begins where it had come to."""
        self._start = present(
            command=command,
            wait_for_port=wait_for_port,
            wait_for_url=wait_for_url,
            wait_for_command=wait_for_command,
            timeout_seconds=timeout_seconds,
        )
        return self

    def to_definition(self) -> Dict[str, Any]:
        """As it is sent."""
        envs = {"build_envs": dict(self._build_envs), "runtime_envs": dict(self._runtime_envs)}
        return {**self._base, "steps": list(self._steps), **envs, **present(start=self._start)}

    def _step(self, **step: Any) -> "TemplateBuilder":
        self._steps.append(present(**step))
        return self
