"""
The table of calls that both SDKs play, and how this one is played: by name, with the arguments under Python's names.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Dict, List, Mapping

import fastvm
from fastvm._model import snake_case

FILE = Path(__file__).resolve().parents[2] / "e2e" / "calls" / "calls.json"
TABLE: Dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
CALLS: List[Dict[str, Any]] = TABLE["calls"]

# Where Python's word is another one.
METHODS = {"vms.firewall.get": "vms.firewall.retrieve"}
ARGUMENTS = {
    "snapshots.create": {"vm": "vm_id"},
    "waitForVmReady": {"vm": "vm_id"},
    "vms.volumes.detach": {"volume": "volume_id"},
    "keys.revoke": {"keyId": "id"},
}
DEFAULT_ARGUMENTS = {"vm": "id", "snapshot": "id", "build": "id", "volume": "id"}
EVENTS = {"o": "stdout", "e": "stderr", "x": "exit"}


def title(call: Mapping[str, Any]) -> str:
    outcome = call["error"]["class"] if "error" in call else "answered"
    return f"{CALLS.index(dict(call))}-{call['name']}-{outcome}"


def filled(value: Any, names: Mapping[str, str]) -> Any:
    """With ids in place of the words in braces."""
    if isinstance(value, str):
        return re.sub(r"\{(\w+)\}", lambda match: names.get(match.group(1), match.group(0)), value)
    if isinstance(value, list):
        return [filled(each, names) for each in value]
    if isinstance(value, dict):
        return {key: filled(each, names) for key, each in value.items()}
    return value


def play(client: Any, call: Mapping[str, Any], names: Mapping[str, str]) -> Any:
    """The result as the table has it: with the wire's names."""
    target = client
    for part in METHODS.get(call["name"], call["name"]).split("."):
        target = getattr(target, snake_case(part))
    words = {**DEFAULT_ARGUMENTS, **ARGUMENTS.get(call["name"], {})}
    arguments = {words.get(name, snake_case(name)): value for name, value in filled(call["arguments"], names).items()}
    return as_table(target(**arguments))


def as_table(result: Any) -> Any:
    if isinstance(result, list):
        return [as_table(each) for each in result]
    if isinstance(result, fastvm.types.Model):
        return result.to_dict()
    if hasattr(result, "__iter__") and not isinstance(result, str):
        return [event_as_table(event) for event in result]
    return result


def event_as_table(event: fastvm.ExecEvent) -> Dict[str, Any]:
    if event.type == "a":
        return {"type": "place", "offset": event.offset, "lostBytes": event.lost_bytes}
    if event.type == "x":
        return {"type": "exit", "exitCode": event.exit_code, "timedOut": event.timed_out, "durationMs": event.duration_ms}
    return {"type": EVENTS[event.type], "data": event.data.decode()}


def assert_holds(result: Any, expected: Any, path: str = "result") -> None:
    """That all that is expected is there."""
    if expected == "*":
        assert result is not None, path
    elif isinstance(expected, dict):
        assert isinstance(result, dict), path
        for key, value in expected.items():
            assert key in result, f"{path}.{key}"
            assert_holds(result[key], value, f"{path}.{key}")
    elif isinstance(expected, list):
        assert isinstance(result, list) and len(result) == len(expected), path
        for at, value in enumerate(expected):
            assert_holds(result[at], value, f"{path}[{at}]")
    else:
        assert result == expected, path


def assert_fails(client: Any, call: Mapping[str, Any], names: Mapping[str, str]) -> None:
    try:
        result = play(client, call, names)
    except fastvm.APIStatusError as error:
        shown = {"class": type(error).__name__, "status": error.status_code, "code": error.code}
        assert shown == call["error"]
        return
    raise AssertionError(f"it gave {result}")
