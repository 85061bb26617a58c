"""
What goes wrong with machines. All of it is a MachineError with the API's `code`; the class follows from the code, by the
same families as the exit codes of the command line.
"""

from __future__ import annotations

import builtins
from typing import Any, List, Mapping, Optional, Tuple, Type

from .._errors import APIConnectionError, APIStatusError, APITimeoutError, FastvmError, describe

# What an answer is called that does not say.
UNKNOWN = "unknown"


class MachineError(FastvmError):
    """The base of all of them. All but `code` and `message` may be None."""

    def __init__(
        self,
        message: str,
        *,
        code: str = UNKNOWN,
        status_code: Optional[int] = None,
        request_id: Optional[str] = None,
        retryable: Optional[bool] = None,
        suggested_action: Optional[str] = None,
        field: Optional[str] = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        #: What happened, for programs, such as `machine_not_ready`.
        self.code = code
        #: Of the answer; None for what did not come to one.
        self.status_code = status_code
        #: By which the server's log knows the request.
        self.request_id = request_id
        #: Whether the same request may succeed later.
        self.retryable = retryable
        self.suggested_action = suggested_action
        #: The part of the request that is at fault.
        self.field = field


class InvalidRequestError(MachineError):
    """The request says what it cannot mean."""


class NotFoundError(MachineError):
    """There is none, or it is another's."""


class AuthError(MachineError):
    """No key, or none that is known."""


class PermissionDeniedError(MachineError):
    """Known, and not allowed."""


class LimitError(MachineError):
    """A quota, a rate, or the room there is."""


class ConflictError(MachineError):
    """What it is about is not in a state for it."""


class ExecError(MachineError):
    """A command that could not be run to its end. An exit code other than 0 is a result and no error."""


class TimeoutError(ExecError, builtins.TimeoutError):  # noqa: A001
    """Time ran out: a command's own, or the answer's."""


class MachineConnectionError(MachineError):
    """No answer came: no connection, or one that broke."""


class EventGapError(MachineError):
    """Events between the last one that was seen and the oldest that are kept are gone: the list has what there is."""


class FileUploadError(MachineError):
    """An upload that did not come to its end. With `upload_id` it can be resumed."""

    def __init__(self, message: str, *, upload_id: Optional[str] = None, **rest: Any) -> None:
        super().__init__(message, **rest)
        self.upload_id = upload_id


class BatchWriteError(MachineError):
    """Some files were written and others not."""

    def __init__(self, successes: List[str], failures: List[Tuple[str, MachineError]]) -> None:
        first = failures[0][1]
        super().__init__(f"{len(failures)} files were not written: {failures[0][0]}: {first.message}", code=first.code)
        #: Paths.
        self.successes = successes
        self.failures = failures


class GitError(MachineError):
    """A git command that ended with something else than 0."""

    def __init__(self, arguments: str, exit_code: int, stderr: str) -> None:
        super().__init__(f"git {arguments} ended with {exit_code}: {stderr.strip()}", code="git_failed")
        self.exit_code = exit_code
        self.stderr = stderr


CLASSES: Mapping[str, Type[MachineError]] = {
    "invalid_request": InvalidRequestError,
    "invalid_fields": InvalidRequestError,
    "invalid_response": InvalidRequestError,
    "not_found": NotFoundError,
    "missing_api_key": AuthError,
    "unauthenticated": AuthError,
    "unauthorized": AuthError,
    "forbidden": PermissionDeniedError,
    "permission_denied": PermissionDeniedError,
    "volume_read_only": PermissionDeniedError,
    "preview_grant_disabled": PermissionDeniedError,
    "preview_proxy_token_disabled": PermissionDeniedError,
    "preview_machine_disabled": PermissionDeniedError,
    "preview_sandbox_disabled": PermissionDeniedError,
    "capacity_exceeded": LimitError,
    "file_upload_limit_exceeded": LimitError,
    "volume_limit_exceeded": LimitError,
    "conflict": ConflictError,
    "incompatible_snapshot": ConflictError,
    "rebuild_required": ConflictError,
    "machine_not_ready": ConflictError,
    "sandbox_not_ready": ConflictError,
    "snapshot_in_use": ConflictError,
    "upload_conflict": ConflictError,
    "volume_busy": ConflictError,
    "exec_failed": ExecError,
    "exec_timeout": TimeoutError,
    "timeout": TimeoutError,
}
# Of codes that are not in the table, and of those that later versions add.
BY_STATUS: Mapping[int, Type[MachineError]] = {
    400: InvalidRequestError,
    401: AuthError,
    403: PermissionDeniedError,
    404: NotFoundError,
    409: ConflictError,
    429: LimitError,
}


def class_of(code: str, status: Optional[int] = None) -> Type[MachineError]:
    known = CLASSES.get(code)
    if known is not None:
        return known
    if code.endswith("_not_found"):
        return NotFoundError
    if code.endswith("_permission_denied"):
        return PermissionDeniedError
    if "quota" in code.lower() or "rate_limit" in code:
        return LimitError
    if code.endswith("_conflict"):
        return ConflictError
    return BY_STATUS.get(status or 0, MachineError)


def machine_error(code: str, message: str, **rest: Any) -> MachineError:
    return class_of(code, rest.get("status_code"))(message, code=code, **rest)


def error_of(failure: FastvmError) -> FastvmError:
    """What the HTTP client throws, in the words of machines."""
    if isinstance(failure, APIStatusError):
        return error_of_status(failure)
    if isinstance(failure, APITimeoutError):
        return TimeoutError(failure.message, code="timeout", retryable=True)
    if isinstance(failure, APIConnectionError):
        return MachineConnectionError(failure.message, code="connection_failed", retryable=True)
    return failure


def error_of_status(failure: APIStatusError) -> MachineError:
    body: Mapping[str, Any] = failure.body if isinstance(failure.body, dict) else {}
    retryable = body.get("retryable")
    return machine_error(
        failure.code or UNKNOWN,
        failure.detail,
        status_code=failure.status_code,
        request_id=body.get("request_id") or failure.headers.get("x-request-id"),
        retryable=retryable if isinstance(retryable, bool) else None,
        suggested_action=body.get("suggested_action"),
        field=failure.field,
    )


def refused(status: int, what: str) -> MachineError:
    """Of a WebSocket that was not opened: its answer has no body."""
    codes = {400: "invalid_request", 401: "unauthorized", 403: "forbidden", 404: "not_found", 409: "conflict"}
    return machine_error(codes.get(status, UNKNOWN), f"{what} was refused with {status}", status_code=status)


def unreachable(cause: BaseException) -> MachineConnectionError:
    return MachineConnectionError(f"The connection failed: {describe(cause)}", code="connection_failed", retryable=True)
