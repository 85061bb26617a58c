"""What the API takes and answers, under the names that the documents give it."""

from ._builds import BuildEvent as BuildEvent
from ._exec import ExecEvent as ExecEvent
from ._generated.models import *  # noqa: F403
from ._generated.models import NetworkRule
from ._generated.params import *  # noqa: F403
from ._model import Model as Model

# Open sets: a later server may know more. A VM status that is not known means "in transition".
VMStatus = str
SnapshotStatus = str
# `c{vCPUs}m{GiB of memory}`: c1m2, c2m4, c4m8, c8m16.
MachineType = str
IngressRule = NetworkRule
EgressRule = NetworkRule
