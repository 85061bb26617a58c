"""
What the documents say of image builds. A server whose description has them not answers 404; the generated part takes
them over when it has.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Dict, Optional

from ._generated.models import FilePresignResponse
from ._model import MOMENT, Model, Ref, Shape
from ._route import Route


@dataclass(eq=False, repr=False)
class BuildBody(Model):
    name: Optional[str] = None
    image_ref: Optional[str] = None
    dockerfile_content: Optional[str] = None
    machine_type: Optional[str] = None
    disk_gi_b: Optional[int] = None
    context_download_url: Optional[str] = None

    _wire_names: ClassVar[Dict[str, str]] = {
        "image_ref": "imageRef",
        "dockerfile_content": "dockerfileContent",
        "machine_type": "machineType",
        "disk_gi_b": "diskGiB",
        "context_download_url": "contextDownloadUrl",
    }


@dataclass(eq=False, repr=False)
class BuildResponse(Model):
    id: str
    status: str
    """`pending`, `running`, `completed`, `failed`; one that is not known means in progress."""
    created_at: datetime
    image_ref: str
    name: Optional[str] = None
    snapshot_id: Optional[str] = None
    """Of a build that is completed."""
    progress: Optional[str] = None
    error: Optional[str] = None
    """Why it failed."""

    _wire_names: ClassVar[Dict[str, str]] = {
        "created_at": "createdAt",
        "image_ref": "imageRef",
        "snapshot_id": "snapshotId",
    }
    _shapes: ClassVar[Dict[str, Shape]] = {"created_at": MOMENT}


CREATE_BUILD: Route[BuildResponse] = Route("POST", "/v1/builds", answer=Ref("BuildResponse"), body=Ref("BuildBody"))
GET_BUILD: Route[BuildResponse] = Route("GET", "/v1/builds/{buildId}", answer=Ref("BuildResponse"))
PRESIGN_CONTEXT: Route[FilePresignResponse] = Route(
    "POST", "/v1/build-contexts/presign", answer=Ref("FilePresignResponse")
)
