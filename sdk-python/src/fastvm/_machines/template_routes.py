"""Operations on templates: how each is called, and what is read from its answer."""

from __future__ import annotations

from typing import Any, Dict

from .._model import Many, Ref
from .._route import Route
from .template_models import TemplateBuildInfo, TemplateInfo

TEMPLATE = "/v1/templates/{templateRef}"
BUILD = "/v1/template-builds/{buildId}"

CREATE: Route[TemplateBuildInfo] = Route("POST", "/v1/templates", answer=Ref("TemplateBuildInfo"))
LIST: Route[Any] = Route("GET", "/v1/templates")
TEMPLATES = Many(Ref("TemplateInfo"))
GET: Route[TemplateInfo] = Route("GET", TEMPLATE, answer=Ref("TemplateInfo"))
RENAME: Route[TemplateInfo] = Route("PATCH", TEMPLATE, answer=Ref("TemplateInfo"))
DELETE: Route[Any] = Route("DELETE", TEMPLATE)
ADD_ALIAS: Route[TemplateInfo] = Route("POST", f"{TEMPLATE}/aliases", answer=Ref("TemplateInfo"))
REMOVE_ALIAS: Route[TemplateInfo] = Route("DELETE", f"{TEMPLATE}/aliases/{{alias}}", answer=Ref("TemplateInfo"))
PROMOTE: Route[TemplateInfo] = Route("POST", f"{TEMPLATE}/promote", answer=Ref("TemplateInfo"))
GET_BUILD: Route[TemplateBuildInfo] = Route("GET", BUILD, answer=Ref("TemplateBuildInfo"))
LOGS: Route[Dict[str, Any]] = Route("GET", f"{BUILD}/logs")
CANCEL: Route[TemplateBuildInfo] = Route("POST", f"{BUILD}/cancel", answer=Ref("TemplateBuildInfo"))
RETRY: Route[TemplateBuildInfo] = Route("POST", f"{BUILD}/retry", answer=Ref("TemplateBuildInfo"))
