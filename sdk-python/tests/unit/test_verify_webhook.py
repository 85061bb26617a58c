"""Signatures as the server makes them, and as others would like to."""

import hashlib
import hmac
import json
import time
from typing import Optional, Union

import pytest

from fastvm import WebhookSignatureError, verify_webhook

SECRET = "a secret of sixteen"
EVENT = {"id": 7, "at": "2026-01-02T03:04:05Z", "type": "vm.deleted", "subjectId": "ä", "actor": "system"}
BODY = json.dumps(EVENT, ensure_ascii=False)


def signed(body: str = BODY, age: int = 0, secret: str = SECRET) -> str:
    at = int(time.time()) - age
    code = hmac.new(secret.encode(), f"{at}.{body}".encode(), hashlib.sha256).hexdigest()
    return f"t={at},v1={code}"


def test_what_the_server_signed_is_the_event() -> None:
    bodies: list[Union[str, bytes]] = [BODY, BODY.encode()]
    for body in bodies:
        event = verify_webhook(body, signed(), SECRET)
        assert (event.id, event.type, event.subject_id) == (7, "vm.deleted", "ä")
    # While a secret is changed there are two.
    both = f"{signed(secret='the secret of before')},{signed().split(',')[1]}"
    assert verify_webhook(BODY, both, SECRET).id == 7


@pytest.mark.parametrize(
    "signature",
    [
        None,
        "",
        signed(secret="another secret of more"),
        signed(BODY + " "),
        signed().replace("t=", "t=1"),
        signed(age=100_000),
        signed(age=-100_000),
        signed().split(",")[1],
        signed().replace("v1=", "v0="),
        signed()[:-2],
    ],
)
def test_all_else_is_refused(signature: Optional[str]) -> None:
    with pytest.raises(WebhookSignatureError):
        verify_webhook(BODY, signature, SECRET)


def test_how_old_it_may_be_is_the_receivers_to_say() -> None:
    assert verify_webhook(BODY, signed(age=3600), SECRET, tolerance_seconds=7200).id == 7
    with pytest.raises(WebhookSignatureError):
        verify_webhook(BODY, signed(age=3600), SECRET)
