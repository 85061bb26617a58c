"""Templates and their builds, as the API answers them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Dict, List, Optional

from .._model import MOMENT, Many, Model, Ref, Shape


@dataclass(eq=False, repr=False)
class TemplateTag(Model):
    tag: str
    build_id: str
    promoted_at: datetime

    _shapes: ClassVar[Dict[str, Shape]] = {"promoted_at": MOMENT}


@dataclass(eq=False, repr=False)
class TemplateInfo(Model):
    id: str
    name: str
    #: `app:latest`.
    canonical_ref: str
    #: Its other names.
    aliases: List[str]
    visibility: str
    tags: List[TemplateTag]
    created_at: datetime
    updated_at: datetime

    _shapes: ClassVar[Dict[str, Shape]] = {"tags": Many(Ref("TemplateTag")), "created_at": MOMENT, "updated_at": MOMENT}


@dataclass(eq=False, repr=False)
class TemplateBuildInfo(Model):
    id: str
    template_id: str
    #: Its name.
    template: str
    tag: str
    #: `queued`, `building`, `ready`, `failed` or `cancelled`.
    status: str
    resources: Dict[str, int]
    cache_summary: Dict[str, Any]
    artifact_availability: str
    promotability: str
    promoted_tags: List[str]
    created_at: datetime
    error: Optional[str] = None
    started_at: Optional[datetime] = None
    finished_at: Optional[datetime] = None

    _shapes: ClassVar[Dict[str, Shape]] = {"created_at": MOMENT, "started_at": MOMENT, "finished_at": MOMENT}
