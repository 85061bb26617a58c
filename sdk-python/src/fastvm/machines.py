"""
Machines: the second API on the same VMs, for clients of Nullspace machines. The distribution `nullspace` has all of this
under that name.
"""

from ._async.machines.background import AsyncKeepalive as AsyncKeepalive
from ._async.machines.background import AsyncSubscription as AsyncSubscription
from ._async.machines.commands import AsyncBackgroundCommand as AsyncBackgroundCommand
from ._async.machines.events import AsyncEventStream as AsyncEventStream
from ._async.machines.lifecycle import AsyncLifecycle as AsyncLifecycle
from ._async.machines.machine import AsyncMachine as AsyncMachine
from ._machines.egress import EgressRateLimit as EgressRateLimit
from ._machines.egress import NetworkEgressPolicy as NetworkEgressPolicy
from ._machines.errors import AuthError as AuthError
from ._machines.errors import BatchWriteError as BatchWriteError
from ._machines.errors import ConflictError as ConflictError
from ._machines.errors import EventGapError as EventGapError
from ._machines.errors import ExecError as ExecError
from ._machines.errors import FileUploadError as FileUploadError
from ._machines.errors import GitError as GitError
from ._machines.errors import InvalidRequestError as InvalidRequestError
from ._machines.errors import LimitError as LimitError
from ._machines.errors import MachineConnectionError as MachineConnectionError
from ._machines.errors import MachineError as MachineError
from ._machines.errors import NotFoundError as NotFoundError
from ._machines.errors import PermissionDeniedError as PermissionDeniedError
from ._machines.errors import TimeoutError as TimeoutError
from ._machines.git import GitChange as GitChange
from ._machines.git import GitCommit as GitCommit
from ._machines.git import GitHttpsAuth as GitHttpsAuth
from ._machines.git import GitStatus as GitStatus
from ._machines.models import CommandResult as CommandResult
from ._machines.models import Egress as Egress
from ._machines.models import HostInfo as HostInfo
from ._machines.models import LifecycleEvent as LifecycleEvent
from ._machines.models import LifecycleEventList as LifecycleEventList
from ._machines.models import MachineConfig as MachineConfig
from ._machines.models import MachineFile as MachineFile
from ._machines.models import MachineInfo as MachineInfo
from ._machines.models import MachineLease as MachineLease
from ._machines.models import MachineSnapshot as MachineSnapshot
from ._machines.models import Page as Page
from ._machines.models import PreviewGrantInfo as PreviewGrantInfo
from ._machines.models import PreviewProxyTarget as PreviewProxyTarget
from ._machines.models import PreviewUrl as PreviewUrl
from ._machines.models import ProcessInfo as ProcessInfo
from ._machines.models import ProcessLogs as ProcessLogs
from ._machines.redact import redact_preview_token as redact_preview_token
from ._machines.redact import redact_preview_url as redact_preview_url
from ._sync.machines.background import Keepalive as Keepalive
from ._sync.machines.background import Subscription as Subscription
from ._sync.machines.commands import BackgroundCommand as BackgroundCommand
from ._sync.machines.events import EventStream as EventStream
from ._sync.machines.lifecycle import Lifecycle as Lifecycle
from ._sync.machines.machine import Machine as Machine
from ._version import __version__ as __version__
