"""The pytest plugin: `@pytest.mark.sway(spec=...)` makes one test item a probe, and one for the gate.

Importing it costs no more than pytest itself: sway's engine is loaded when a marked test is collected, and a model
library when its suite runs.
"""

from __future__ import annotations

import inspect
import tempfile
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sway.pytest_plugin.judged import Judged, judge_once, probe_names
from sway.pytest_plugin.marker import MarkerFault, Settings, read_marker

GATE = "__gate__"
MARKER = "sway(spec, threshold=0.0, weights=None): judge a LoRA adapter; one item a probe of the spec, and __gate__"
MISPLACED = (
    "nothing was judged: the sway marker counts for plain test functions and methods, "
    "not for a unittest.TestCase, a staticmethod, a classmethod or anything else; write a function"
)

_SHARED = pytest.StashKey["tempfile.TemporaryDirectory[str]"]()


class SwayWarning(pytest.PytestWarning):
    """A probe, or the gate, warns."""


class SuiteFailure(Exception):
    """A probe, or the gate, does not hold; the text is what a reader needs."""


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker."""
    config.addinivalue_line("markers", MARKER)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Called by xdist in its controller: give each worker the one folder in which outcomes are shared."""
    if _SHARED not in node.config.stash:
        folder = tempfile.TemporaryDirectory(prefix="sway-pytest-", ignore_cleanup_errors=True)
        node.config.stash[_SHARED] = folder
        node.config.add_cleanup(folder.cleanup)
    node.workerinput["sway_shared"] = node.config.stash[_SHARED].name


@pytest.hookimpl(tryfirst=True)
def pytest_pycollect_makeitem(collector: pytest.Module | pytest.Class, name: str, obj: object) -> SuiteNode | None:
    """Take a marked test function: its suite stands for it. The nearest marker counts, as a class's or module's."""
    if not inspect.isfunction(obj) or not collector.istestfunction(obj, name):
        return None
    own = [mark for mark in getattr(obj, "pytestmark", []) if mark.name == "sway"]
    inherited = collector.get_closest_marker("sway")
    marks = own or ([inherited] if inherited else [])
    return SuiteNode.from_parent(collector, name=name, function=obj, marks=marks) if marks else None


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let no marked test pass on its own body: one that no suite stands for fails in its place."""
    for at, item in enumerate(items):
        if not isinstance(item, SuiteItem) and item.get_closest_marker("sway"):
            items[at] = Unjudged.of(item)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Tell each suite which of its probes were selected, so that no other is asked."""
    selected: dict[SuiteNode, list[str]] = {}
    for item in session.items:
        if isinstance(item, SuiteItem):
            selected.setdefault(item.suite, []).append(item.name)
    for suite, names in selected.items():
        suite.only = () if GATE in names else tuple(sorted(names))


class SuiteNode(pytest.Collector):
    """A marked function: its children are the probes of its spec, and the gate."""

    def __init__(self, *, function: Any, marks: list[pytest.Mark], **arguments: Any) -> None:
        super().__init__(**arguments)
        self.function, self.marks = function, marks
        self.own_markers.extend(getattr(function, "pytestmark", []))
        self.keywords.update({mark.name: mark for mark in self.own_markers})
        self.only: tuple[str, ...] = ()
        self.settings: Settings | None = None
        self.fault = ""
        self._judged: Judged | None = None

    @property
    def spec(self) -> Path:
        """The spec's path, from pytest's root folder."""
        return self.config.rootpath / Path(self.settings.spec if self.settings else "").expanduser()

    def collect(self) -> Iterable[SuiteItem]:
        """One item a probe, then the gate; the gate alone, which will fail, where the marker or the spec cannot be."""
        for name in [*self._probes(), GATE]:
            yield SuiteItem.from_parent(self, name=name)

    def _probes(self) -> list[str]:
        from sway.core.errors import SwayError

        try:
            fixtures = [str(name) for mark in self.iter_markers("usefixtures") for name in mark.args]
            self.settings = read_marker(self.marks, self.function, fixtures)
            return probe_names(self.spec)
        except (MarkerFault, SwayError) as fault:
            self.fault = str(fault)
            return []

    def judged(self) -> Judged:
        """The suite's outcome; judged when first asked for."""
        if self._judged is None:
            self._judged = self._judge()
        return self._judged

    def _judge(self) -> Judged:
        if self.fault or self.settings is None:
            return Judged({}, fault=self.fault)
        shared = getattr(self.config, "workerinput", {}).get("sway_shared")
        return judge_once(self.spec, self.settings, self.only, Path(shared) if shared else None)


class ToldItem(pytest.Item):
    """An item that fails in words of its own."""

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """A verdict is told in its own words; only a fault of ours has a traceback."""
        if isinstance(excinfo.value, SuiteFailure | SwayWarning):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)


class Unjudged(ToldItem):
    """Stands for a marked test that the marker cannot judge, and fails."""

    stood_for: pytest.Item

    @classmethod
    def of(cls, item: pytest.Item) -> Unjudged:
        """In the item's place, under its name and its marks, so that what skips it still does."""
        assert item.parent is not None
        node: Unjudged = cls.from_parent(item.parent, name=item.name, nodeid=item.nodeid)
        node.own_markers, node.stood_for = item.own_markers, item
        node.keywords.update({mark.name: mark for mark in item.own_markers})
        return node

    def runtest(self) -> None:
        """Say where the marker may stand."""
        raise SuiteFailure(MISPLACED)

    def reportinfo(self) -> tuple[Any, int | None, str]:
        """Where the marked test stands."""
        return self.stood_for.reportinfo()


class SuiteItem(ToldItem):
    """One probe of a suite, or its gate."""

    @property
    def suite(self) -> SuiteNode:
        """The marked function that this item belongs to."""
        assert isinstance(self.parent, SuiteNode)
        return self.parent

    def runtest(self) -> None:
        """Judge the suite, unless that is done, and say what became of this item."""
        judged = self.suite.judged()
        if judged.fault:
            raise SuiteFailure(_plain(judged.fault))
        if self.name == GATE:
            self._gate(judged)
        else:
            self._probe(judged)

    def _gate(self, judged: Judged) -> None:
        self.user_properties += [("sway_verdict", judged.verdict), ("sway_score", judged.score)]
        text = "\n".join([_plain(f"{judged.headline} ({judged.score})"), *map(_plain, judged.reasons)])
        if not judged.opened:
            raise SuiteFailure(text)
        if judged.verdict == "warn":
            self._warn(text)

    def _probe(self, judged: Judged) -> None:
        row = judged.rows.get(self.name)
        if row is None:
            stopped = judged.rows.get("__preflight__", {"message": "the suite ended before it was asked"})
            raise SuiteFailure(_plain(f"{self.name} was not measured: {stopped['message']}"))
        self.user_properties += [("sway_verdict", row["verdict"]), ("sway_measured", row["measured"])]
        text = "\n".join(_lines(row))
        match row["verdict"]:
            case "pass":
                return
            case "skip":
                pytest.skip(text)
            case "warn":
                self._warn(text)
            case _ if not row["required"]:
                self._warn(f"optional, and it does not hold: {text}")
            case _:
                raise SuiteFailure(text)

    def _warn(self, text: str) -> None:
        path, line, _ = self.reportinfo()
        warnings.warn_explicit(SwayWarning(text), None, filename=str(path), lineno=line + 1)

    def reportinfo(self) -> tuple[Path, int, str]:
        """Where the marked function stands."""
        line = self.suite.function.__code__.co_firstlineno - 1
        return self.path, line, f"{self.suite.name}::{self.name}"


def _lines(row: Any) -> Iterator[str]:
    """What happened, and what to do."""
    yield _plain(f"{row['name']}: {row['message']}")
    if row["advice"]:
        yield _plain(f"-> {row['advice']}")


def _plain(text: str) -> str:
    """Text from a spec or a model, without what a terminal or a CI runner would obey; its lines stay lines."""
    from sway.core.text import printable

    return "\n".join(printable(line) for line in text.splitlines())
