# Made by tools/unasync.py from _async/firewall.py; not to be edited.
"""
`client.vms.firewall`: what is enforced, and what it has decided. Changed by `vms.set_firewall` and
`vms.patch_firewall`.
"""

from __future__ import annotations

from typing import Any, Mapping, Optional

from .._config import Timeout
from .._generated import routes
from .._generated.models import FirewallReport
from .._options import CallOptions, Headers, Query
from .._refs import VMRef
from .._request import id_of
from .http import Http


class VmFirewall:
    def __init__(self, http: Http) -> None:
        self._http = http

    def retrieve(
        self,
        id: VMRef,
        *,
        timeout: Timeout = None,
        max_retries: Optional[int] = None,
        extra_headers: Optional[Headers] = None,
        extra_query: Optional[Query] = None,
        extra_body: Optional[Mapping[str, Any]] = None,
    ) -> FirewallReport:
        """The policy in rules, and what each has decided since the policy last changed."""
        options = CallOptions(timeout, max_retries, extra_headers, extra_query, extra_body)
        return self._http.call(routes.GET_VM_FIREWALL, id_of(id), options=options)
