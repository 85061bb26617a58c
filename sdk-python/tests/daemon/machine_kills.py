"""
A stream of events over daemons that are killed: what one reader got, compared with the list of what happened.

    python3 sdk-python/tests/daemon/machine_kills.py --kills 20 --in-replay 3 --seed 7

Where a kill falls is the seed's: so many events happen, and the daemon is ended by SIGKILL while more are ordered. For a kill
in a replay the reader goes away and comes back to much that it missed, and the daemon is ended when the first of it is there.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Callable, List, Optional

if __name__ == "__main__":
    TESTS = Path(__file__).resolve().parents[1]
    sys.path[:0] = [str(TESTS), str(TESTS.parent / "src"), str(TESTS.parent / "alias" / "src")]

import nullspace

if TYPE_CHECKING:
    from .conftest import Daemon

# A daemon with few machines is back in seconds; this machine may be busy.
SECONDS = 240.0
# How many times the events of a round a reader finds when it comes back to a replay: many enough that they are not all on
# their way when the first one is there.
REPLAY_FACTOR = 10
# A kill takes a while, in which a replay may come to its end.
MOST_REPLAYS = 5


class Reader:
    """Reads in a thread of its own, can go away and come back, and tells how far it is."""

    def __init__(self, machine_id: str) -> None:
        self.ids: List[str] = []
        self._machine = nullspace.Machine.connect(machine_id)
        self._failure: Optional[BaseException] = None
        self._changed = threading.Condition()
        self._stream: Optional[nullspace.EventStream] = None
        self._thread: Optional[threading.Thread] = None

    def start(self) -> None:
        stream = self._stream = self._machine.stream_events(
            after_event_id=self.ids[-1] if self.ids else None, replay_limit=None if self.ids else 1000
        )
        self._thread = threading.Thread(target=self._read, args=[stream], daemon=True)
        self._thread.start()

    def stop(self) -> None:
        if self._stream is not None and self._thread is not None:
            self._stream.close()
            self._thread.join(SECONDS)

    def wait_until(self, seen: str) -> None:
        self.wait_for(lambda: seen in self.ids)

    def wait_for_more_than(self, count: int) -> None:
        self.wait_for(lambda: len(self.ids) > count)

    def wait_for(self, holds: Callable[[], bool]) -> None:
        with self._changed:
            came = self._changed.wait_for(lambda: holds() or self._failure is not None, SECONDS)
        if self._failure is not None:
            raise self._failure
        assert came, f"no more than {len(self.ids)} events came"

    def _read(self, stream: nullspace.EventStream) -> None:
        try:
            for event in stream:
                with self._changed:
                    self.ids.append(event.id)
                    self._changed.notify_all()
        except BaseException as failure:
            with self._changed:
                self._failure = failure
                self._changed.notify_all()


class KillRun:
    def __init__(self, daemon: "Daemon", machine_id: str, seed: int, events: int = 40, most_replays: int = 1) -> None:
        self._daemon = daemon
        self._machine = nullspace.Machine.connect(machine_id)
        self._random = random.Random(seed)
        # Between two kills.
        self._events = events
        # For one kill in the midst of one.
        self._most_replays = most_replays
        self._reader = Reader(machine_id)
        self.kills = 0
        #: Those of them that fell before all of a replay had come.
        self.cut_replays = 0

    @property
    def streamed(self) -> List[str]:
        return self._reader.ids

    def go(self, kills: int, in_replay: int) -> None:
        replays = set(self._random.sample(range(kills), in_replay))
        self._reader.start()
        try:
            for kill in range(kills):
                if kill in replays:
                    self._kill_in_replays_midst()
                else:
                    self._kill_while_it_happens()
            self._happen(self._events)
            self._reader.wait_until(self.listed()[-1])
        finally:
            self._reader.stop()

    def listed(self) -> List[str]:
        """All that happened, by pages."""
        ids: List[str] = []
        while True:
            page = self._machine.list_lifecycle(order="asc", offset=len(ids), limit=100)
            ids += [event.id for event in page.events]
            if not page.has_more:
                return ids

    def _kill_while_it_happens(self) -> None:
        self._happen(self._random.randrange(self._events))
        killer = threading.Timer(self._random.random() * 0.2, self._daemon.kill)
        killer.start()
        while killer.is_alive():
            try:
                self._happen(1)
            except nullspace.MachineError:
                break
        killer.join()
        self.kills += 1
        self._daemon.start()

    def _kill_in_replays_midst(self) -> None:
        """One that comes when all of the replay is there already is one more of the other kind, and another replay has its own."""
        before = self.cut_replays
        for _ in range(self._most_replays):
            self._kill_in_replay()
            if self.cut_replays > before:
                return

    def _kill_in_replay(self) -> None:
        self._reader.wait_until(self.listed()[-1])
        self._reader.stop()
        before = len(self._reader.ids)
        self._happen(self._events * REPLAY_FACTOR)
        self._reader.start()
        self._reader.wait_for_more_than(before)
        self._daemon.kill()
        self.kills += 1
        self.cut_replays += len(self._reader.ids) < before + self._events * REPLAY_FACTOR
        self._daemon.start()

    def _happen(self, count: int) -> None:
        """Each is one event: the timeout begins anew."""
        for _ in range(count):
            self._machine.set_timeout(600, timeout_action="hibernate")


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--in-replay", type=int, default=3)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    arguments = parser.parse_args()
    print(f"seed {arguments.seed}", flush=True)
    from daemon.conftest import Daemon

    daemon = Daemon()
    try:
        os.environ.update(NULLSPACE_API_KEY=daemon.machines_key(), NULLSPACE_API_URL=daemon.url)
        run = KillRun(daemon, nullspace.Machine.create(memory_mb=2048, on_timeout="pause").id, arguments.seed, most_replays=MOST_REPLAYS)
        run.go(arguments.kills, arguments.in_replay)
        listed = run.listed()
    finally:
        daemon.remove()
    twice = len(run.streamed) - len(set(run.streamed))
    missing = len(set(listed) - set(run.streamed))
    print(
        f"{run.kills} kills, {run.cut_replays} of {arguments.in_replay} in the midst of a replay: {len(listed)} events, "
        f"{missing} missing, {twice} twice, in order: {run.streamed == listed}"
    )
    return 0 if run.streamed == listed and run.cut_replays == arguments.in_replay else 1


if __name__ == "__main__":
    sys.exit(main())
