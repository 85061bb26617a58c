"""What methods take: ids or the objects that have them, and policies as models or as plain dictionaries."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Mapping, Sequence, Union

from ._generated import models, params

if TYPE_CHECKING:
    from .flat.models import VM as FlatVM
    from .flat.models import FirewallPolicy as FlatFirewallPolicy
    from .flat.models import Snapshot as FlatSnapshot

# In quotes, since Python 3.9 would look for what only the type checker knows.
VMRef = Union[str, models.VM, "FlatVM"]
SnapshotRef = Union[str, models.Snapshot, "FlatSnapshot"]
VolumeRef = Union[str, models.Volume]
FilesOwner = Union[VMRef, VolumeRef]
FirewallInput = Union[
    models.FirewallPolicy,
    models.EgressModeFirewall,
    models.LegacyFirewallPolicy,
    "FlatFirewallPolicy",
    params.FirewallPolicyParam,
    params.EgressModeFirewallParam,
    params.LegacyFirewallPolicyParam,
]
IngressInput = Union[models.IngressPolicy, params.IngressPolicyParam]
LegacyRules = Sequence[Union[models.LegacyFirewallRule, params.LegacyFirewallRuleParam]]
EgressInput = Union[models.EgressPolicy, models.EgressMode, params.EgressPolicyParam, params.EgressModeParam]
DNSInput = Union[models.DNSPolicy, params.DNSPolicyParam]
# With `mountPath`, `volumeId` or one of `tmpfs`, `host` and `image`, and, if it is not to write, `readOnly`.
VolumeInput = Union[models.VolumeMount, Mapping[str, Any]]
TTLInput = Union[models.TTL, params.TTLParam]
MaxLifeInput = Union[models.MaxLife, params.MaxLifeParam]
IdleInput = Union[models.IdlePolicy, params.IdlePolicyParam]
