# Made by tools/unasync.py from _async/launched_vm.py; not to be edited.
"""What `client.vms.launch` answers: a VM that, as a context, is deleted at the end of its block."""

from __future__ import annotations

from types import TracebackType
from typing import Optional, Type

from .._config import VM_WORK_SECONDS
from .._errors import NotFoundError
from .._generated import routes
from .._generated.models import VM
from .._options import CallOptions
from .http import Http


class LaunchedVM(VM):
    """Otherwise a `VM` like any other, and equal to one that shows the same."""

    _http: Http

    @classmethod
    def of(cls, vm: VM, http: Http) -> "LaunchedVM":
        launched = cls.from_dict(vm.to_dict())
        launched._http = http
        return launched

    def __eq__(self, other: object) -> bool:
        return isinstance(other, VM) and other.to_dict() == self.to_dict()

    def __enter__(self) -> "LaunchedVM":
        return self

    def __exit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        """One that is gone by then is as good as deleted."""
        try:
            self._http.call(routes.DELETE_VM, self.id, options=CallOptions(), default_seconds=VM_WORK_SECONDS)
        except NotFoundError:
            pass
