"""The loop: look, wait until nothing changes any more, judge, and look again."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path

from sway.core.errors import SwayError
from sway.watch.follow import Followed, Sighting
from sway.watch.history import History

TRIES = 4
"""How often an adapter that does not change is read before it counts as broken."""


@dataclass(frozen=True)
class Outcome:
    """What the gate said of one version."""

    passed: bool
    line: str
    reasons: tuple[str, ...] = ()


Judge = Callable[[Path, Path], Outcome]
"""Judges an adapter's folder and writes the report to a path. Raises `SwayError` where it cannot."""


class _Next(Enum):
    WAIT = auto()
    DONE = auto()


@dataclass
class Watcher:
    """Judges each version once it has been at rest for `quiet` seconds. `tell` gets lines for people."""

    followed: Followed
    history: History
    judge: Judge
    on_fail: Callable[[Path | None], str]
    tell: Callable[[str], None]
    quiet: float
    seen: Sighting | None = None
    since: float = 0.0
    tries: int = 0
    settled: bool = False
    said: str = ""

    def run(self, ticks: Iterable[float]) -> None:
        """Look at every tick, whose value is the time in seconds."""
        for now in ticks:
            self.look(now)

    def look(self, now: float) -> None:
        """One look."""
        try:
            sighting = self.followed.look()
        except SwayError as fault:
            self._say_once(str(fault))
            sighting = None
        if sighting != self.seen:
            self.seen, self.since, self.tries, self.settled = sighting, now, 0, False
        if sighting is None or self.settled or now - self.since < self.quiet:
            return
        self.settled = self._attempt(sighting) is _Next.DONE
        self.since = now

    def _attempt(self, sighting: Sighting) -> _Next:
        """Judge what is there, unless it cannot be read yet."""
        self.tries += 1
        try:
            digest = _digest(sighting.folder)
        except SwayError as fault:
            return self._not_yet(sighting, fault)
        result = self.history.place(sighting.label, digest)
        if self.history.has(result, self.followed.spec):
            self._say_once(f"{sighting.label}: judged before, see {result}")
            return _Next.DONE
        return self._judged(sighting, digest, result)

    def _not_yet(self, sighting: Sighting, fault: SwayError) -> _Next:
        if self.tries < TRIES:
            self._say_once(f"{sighting.label}: not whole yet, waiting ({fault})")
            return _Next.WAIT
        self._failed(f"{sighting.label}: ERROR  {fault}", None)
        return _Next.DONE

    def _judged(self, sighting: Sighting, digest: str, result: Path) -> _Next:
        self.tell(f"{sighting.label}: judging")
        part = result.with_suffix(".part")
        try:
            outcome = self.judge(sighting.folder, part)
            if not (self.followed.has_spec_of(sighting) and _is_still(sighting.folder, digest)):
                self.tell(f"{sighting.label}: it or the spec changed while it was judged; once more")
                return _Next.WAIT
            part.replace(result)
        except SwayError as fault:
            self._failed(f"{sighting.label}: ERROR  {fault}", None)
            return _Next.DONE
        finally:
            part.unlink(missing_ok=True)
        self.history.prune()
        line = f"{sighting.label}: {outcome.line}  {result}"
        if outcome.passed:
            self.tell(line)
        else:
            self._failed("\n".join([line, *(f"  {reason}" for reason in outcome.reasons)]), result)
        return _Next.DONE

    def _failed(self, line: str, result: Path | None) -> None:
        self.tell(line)
        if fault := self.on_fail(result):
            self.tell(f"--on-fail: {fault}")

    def _say_once(self, line: str) -> None:
        if line != self.said:
            self.said = line
            self.tell(line)


def _digest(folder: Path) -> str:
    from sway.backends.adapter import read_adapter

    return read_adapter(folder).digest


def _is_still(folder: Path, digest: str) -> bool:
    try:
        return _digest(folder) == digest
    except SwayError:
        return False
