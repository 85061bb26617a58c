"""Whether what a webhook was sent is from the server that has its secret, and of now. For servers that are told of events."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import time
from typing import Optional, Union

from ._errors import FastvmError
from ._generated.models import Event

TOLERANCE_SECONDS = 300.0
# Of a header that a stranger sends.
MAX_CODES = 8


class WebhookSignatureError(FastvmError):
    """It is not to be believed."""


def verify_webhook(
    body: Union[str, bytes],
    signature: Optional[str],
    secret: str,
    *,
    tolerance_seconds: float = TOLERANCE_SECONDS,
) -> Event:
    """
    The event of a request to a webhook: `body` as it came, since parsed and written anew it is signed no more, and its header
    `fastvm-signature`. Raises WebhookSignatureError when the signature is missing, wrong or too old.
    """
    raw = body.encode() if isinstance(body, str) else body
    fields = [field.partition("=") for field in (signature or "").split(",")]
    at = next((value for name, _, value in fields if name == "t"), "")
    codes = [value for name, _, value in fields if name == "v1" and re.fullmatch("[0-9a-f]{64}", value)]
    if not re.fullmatch("[0-9]{1,12}", at) or not codes:
        raise WebhookSignatureError("the webhook has no signature of the form t=…,v1=…")
    if not abs(time.time() - int(at)) <= tolerance_seconds:
        raise WebhookSignatureError("the webhook's signature is not of now")
    expected = hmac.new(secret.encode(), at.encode() + b"." + raw, hashlib.sha256).hexdigest()
    if not any(hmac.compare_digest(expected, code) for code in codes[:MAX_CODES]):
        raise WebhookSignatureError("the webhook's signature is not that of its secret")
    return Event.from_dict(json.loads(raw))
