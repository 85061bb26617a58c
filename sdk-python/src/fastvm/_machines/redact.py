"""Takes the secrets out of what is to be printed: of the URLs and tokens that open a preview."""

from __future__ import annotations

import re
from typing import Optional
from urllib.parse import parse_qsl, quote, urlsplit, urlunsplit

REDACTED = "[redacted]"
# Of a token, so that two can be told apart in a log; nothing of one so short that this would be much of it.
SHOWN_CHARS = 4
SHORTEST_SHOWN = 24
# `__ns_preview_transport` names a transport and is no secret.
SECRET = re.compile(r"token|secret|signature|^sig$|password|^key$|api_?key", re.IGNORECASE)

# A URL has one of these, also without its scheme; what has none may be the token itself.
NO_TOKEN = re.compile(r"[/?.:]")


def redact_preview_token(token: Optional[str]) -> str:
    """What may be printed in place of a token."""
    if not token:
        return ""
    return f"{token[:SHOWN_CHARS]}…{REDACTED}" if len(token) >= SHORTEST_SHOWN else REDACTED


def redact_preview_url(url: Optional[str]) -> str:
    """The same URL without the credentials in it: of its query, its fragment and before its host."""
    if not url:
        return ""
    if not NO_TOKEN.search(url):
        return redact_preview_token(url)
    try:
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")
    except ValueError:
        # What is no URL may be a token.
        return REDACTED
    netloc = f"{REDACTED}@{host[2]}" if host[1] else parts.netloc
    return urlunsplit(parts._replace(netloc=netloc, query=redact_pairs(parts.query), fragment=redact_pairs(parts.fragment)))


def redact_pairs(text: str) -> str:
    """Only what has to be is written anew."""
    return "&".join(redact_pair(pair) for pair in text.split("&"))


def redact_pair(pair: str) -> str:
    name, equals, value = pair.partition("=")
    if not equals or not value:
        return pair
    decoded = parse_qsl(f"{name}=x", keep_blank_values=True)
    is_secret = bool(decoded) and SECRET.search(decoded[0][0]) is not None
    return f"{name}={quote(REDACTED, safe='[]')}" if is_secret else pair
