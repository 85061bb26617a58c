"""What lists are asked by, and how their answers are read."""

from __future__ import annotations

import json
from typing import Any, Dict, Mapping, Optional, Sequence, Union

from .._options import present
from .models import MachineInfo, Page


def list_query(
    *,
    state: Union[str, Sequence[str], None],
    template: Optional[str],
    metadata: Optional[Mapping[str, str]],
    limit: Optional[int],
    next_token: Optional[str],
    fields: Optional[Sequence[str]],
) -> Dict[str, Any]:
    return present(
        state=state if state is None or isinstance(state, str) else ",".join(state),
        template=template,
        metadata=None if metadata is None else json.dumps(dict(metadata)),
        limit=limit,
        next_token=next_token,
        fields=None if fields is None else ",".join(fields),
    )


def page_of(answer: Any, *, is_masked: bool) -> "Page[Any]":
    """The server answers a bare list where nothing was asked for but all."""
    items = answer if isinstance(answer, list) else answer["machines"]
    page: Page[Any] = Page(items if is_masked else [MachineInfo.from_dict(item) for item in items])
    page.next_token = None if isinstance(answer, list) else answer.get("next_token")
    return page


def lifecycle_query(
    *,
    offset: Optional[int],
    limit: Optional[int],
    order: Optional[str],
    operation: Optional[str],
    status: Optional[str],
    from_time: Optional[str],
    to_time: Optional[str],
    **filters: Optional[str],
) -> Dict[str, Any]:
    query = present(offset=offset, limit=limit, order=order, operation=operation, status=status, to=to_time, **filters)
    return {**query, **({} if from_time is None else {"from": from_time})}


def stream_filters(*, metadata: Optional[Mapping[str, str]] = None, **named: Optional[str]) -> Dict[str, str]:
    """Of a lifecycle socket."""
    return present(metadata=None if metadata is None else json.dumps(dict(metadata)), **named)
