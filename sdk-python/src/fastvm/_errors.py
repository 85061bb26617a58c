"""Everything the SDK throws. All of it is a FastvmError; each HTTP status has a class of its own."""

from __future__ import annotations

import json
from typing import Any, Dict, Mapping, Optional, Type, Union

import httpx

# Keeps an HTML page of some proxy from filling a terminal.
MAX_MESSAGE_CHARS = 2000


class FastvmError(Exception):
    """The base of every error of the SDK."""


class APIError(FastvmError):
    """A call that did not bring what it was made for."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class APIStatusError(APIError):
    """The API answered with a status of 400 or above. All but `status_code` and `detail` may be None."""

    def __init__(self, response: httpx.Response, text: str) -> None:
        body = parse_json(text)
        fields: Mapping[str, Any] = body if isinstance(body, dict) else {}
        said = next((fields[key] for key in ("message", "error", "detail") if is_text(fields.get(key))), None)
        #: What happened, for people.
        self.detail: str = (said or text.strip() or "no body")[:MAX_MESSAGE_CHARS]
        super().__init__(f"{response.status_code} {self.detail}")
        self.response = response
        self.request = response.request
        self.status_code: int = response.status_code
        #: The answer as JSON, or as text when it is none.
        self.body: Any = text if body is None else body
        #: The platform's name of the failure, for programs, such as `vm_wrong_state`.
        self.code: Optional[str] = text_or_none(fields.get("code"))
        #: The part of the request that is at fault.
        self.field: Optional[str] = text_or_none(fields.get("field"))
        #: What to do about it.
        self.hint: Optional[str] = text_or_none(fields.get("hint"))

    @property
    def status(self) -> int:
        return self.status_code

    @property
    def headers(self) -> httpx.Headers:
        return self.response.headers


class BadRequestError(APIStatusError):
    """400"""


class AuthenticationError(APIStatusError):
    """401"""


class PermissionDeniedError(APIStatusError):
    """403"""


class NotFoundError(APIStatusError):
    """404"""


class ConflictError(APIStatusError):
    """409"""


class UnprocessableEntityError(APIStatusError):
    """422"""


class RateLimitError(APIStatusError):
    """429"""


class InternalServerError(APIStatusError):
    """Any status of 500 and above."""


class APIConnectionError(APIError):
    """No answer came: no connection, or one that broke. `__cause__` has the reason."""


class APITimeoutError(APIConnectionError, TimeoutError):
    """The answer did not come within the call's `timeout`."""


class APIResponseValidationError(APIError):
    """The answer is not what a FastVM server answers."""


class VMLaunchError(FastvmError):
    """The VM ended in `error`, `stopped` or `deleting` while the SDK waited for `running`."""

    def __init__(self, vm_id: str, status: str, reason: Optional[str] = None) -> None:
        super().__init__(f"VM {vm_id} did not start: its status is {status}{f' ({reason})' if reason else ''}")
        self.vm_id = vm_id
        self.status = status
        self.reason = reason


class VMNotReadyError(FastvmError, TimeoutError):
    """The VM was not `running` when the time to wait for it had passed. It may still become so."""

    def __init__(self, vm_id: str, status: str, waited: float) -> None:
        super().__init__(f"VM {vm_id} is not running after {waited:g} s: its status is {status}")
        self.vm_id = vm_id
        self.status = status


class SnapshotNotReadyError(FastvmError, TimeoutError):
    """The snapshot was not `ready` when the time to wait for it had passed."""

    def __init__(self, snapshot_id: str, status: str, waited: float) -> None:
        super().__init__(f"Snapshot {snapshot_id} is not ready after {waited:g} s: its status is {status}")
        self.snapshot_id = snapshot_id
        self.status = status


class SnapshotError(FastvmError):
    """The snapshot ended in `error` while the SDK waited for it."""

    def __init__(self, snapshot_id: str, status: str, reason: Optional[str] = None) -> None:
        super().__init__(f"Snapshot {snapshot_id} failed: its status is {status}{f' ({reason})' if reason else ''}")
        self.snapshot_id = snapshot_id
        self.status = status


class ForkError(FastvmError):
    """Some children of a fork did not start; those that did were removed. `failures` says why, one text for each."""

    def __init__(self, failures: "list[str]", count: int) -> None:
        super().__init__(f"{len(failures)} of {count} children did not start: {failures[0]}")
        self.failures = failures


class BuildError(FastvmError):
    """A build ended without a snapshot."""

    def __init__(self, build_id: str, reason: Optional[str]) -> None:
        super().__init__(f"Build {build_id} failed: {reason or 'the server does not say why'}")
        self.build_id = build_id
        self.reason = reason


class BuildNotReadyError(FastvmError, TimeoutError):
    """The build had not ended when the time to wait for it had passed. It goes on."""

    def __init__(self, build_id: str, status: str, waited: float) -> None:
        super().__init__(f"Build {build_id} has not ended after {waited:g} s: its status is {status}")
        self.build_id = build_id
        self.status = status


class CommandLostError(FastvmError):
    """
    The command had started, and then its VM or its host was lost. Nobody knows how far it came, so it is not repeated.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        #: The platform's name of the failure, such as `vm_died`.
        self.code = code


class WatchEndedError(FastvmError):
    """A folder was watched, and then it or its VM was gone."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        #: The platform's name of the failure: `file_not_found` when the folder is gone.
        self.code = code


class FileTransferError(FastvmError):
    """An upload or a download that failed. What it was to replace is as it was."""


class RemoteFileNotFoundError(FileTransferError, FileNotFoundError):
    """There is no such path in the VM; for uploads, on this machine."""

    def __init__(self, message: str) -> None:
        # OSError sets its number by a first argument of two; the text is to stand alone.
        super().__init__(message)


CLASS_BY_STATUS: Dict[int, Type[APIStatusError]] = {
    400: BadRequestError,
    401: AuthenticationError,
    403: PermissionDeniedError,
    404: NotFoundError,
    409: ConflictError,
    422: UnprocessableEntityError,
    429: RateLimitError,
}


def error_of_answer(response: httpx.Response, text: str) -> APIStatusError:
    status = response.status_code
    fallback = InternalServerError if status >= 500 else APIStatusError
    return CLASS_BY_STATUS.get(status, fallback)(response, text)


def error_of_broken_call(cause: Union[httpx.HTTPError, httpx.StreamError, OSError]) -> APIConnectionError:
    if isinstance(cause, httpx.TimeoutException):
        return APITimeoutError(f"No answer in time: {describe(cause)}")
    return APIConnectionError(f"The connection failed: {describe(cause)}")


def describe(cause: BaseException) -> str:
    """Some causes have no text of their own."""
    return str(cause) or type(cause).__name__


def parse_json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        # A proxy on the way answers with text of its own; it is shown as it is.
        return None


def is_text(value: Any) -> bool:
    return isinstance(value, str) and value != ""


def text_or_none(value: Any) -> Optional[str]:
    return value if isinstance(value, str) and value else None
