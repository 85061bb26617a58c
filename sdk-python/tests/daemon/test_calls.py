"""
The table of calls against a real daemon, from top to bottom; what was recorded of answers is still what answers have.
"""

from __future__ import annotations

from typing import Any, Dict

from calls import CALLS, assert_fails, assert_holds, filled, play, title
from conftest import MakeClient

from .conftest import Daemon


def test_it_is_as_the_table_has_it(connect: MakeClient, daemon: Daemon) -> None:
    client = connect(base_url=daemon.url, api_key=daemon.api_key)
    names: Dict[str, str] = {}
    for call in CALLS:
        try:
            if "error" in call:
                assert_fails(client, call, names)
                continue
            result = play(client, call, names)
            assert_holds(result, filled(call["result"], names))
            assert_keys(result, call["answer"].get("body"))
            names.update({name: result[field] for name, field in call.get("keep", {}).items()})
        except Exception as cause:
            raise AssertionError(title(call)) from cause


def assert_keys(result: Any, body: Any) -> None:
    """All that was recorded is answered."""
    if isinstance(body, dict) and isinstance(result, dict):
        assert set(body) - set(result) == set()
