from __future__ import annotations

import pytest

from sway.core.errors import MissingExtraError, SwayError
from sway.demo import story
from sway.suite.loader import load_spec


@pytest.fixture
def untrained(monkeypatch):
    """The demonstration without its models, which `tests/zoo` covers."""

    def pretend(folder, made, advance):
        for name in ("base", *(f"{case.name}/adapter" for case in story.CASES)):
            (folder / name).mkdir(parents=True, exist_ok=True)
        (folder / story.ADAPTERS_MADE).write_text("{}")

    monkeypatch.setattr(story, "_train", pretend)


def test_every_spec_loads_and_asks_about_the_document(untrained, tmp_path):
    cases = story.prepare(tmp_path / "demo", lambda *_: None)
    assert [case.name for case, _ in cases] == ["healthy", "noise", "broken"]
    for _, path in cases:
        load_spec(path)
        assert "Veldrake" in path.read_text()


def test_an_interrupted_call_can_be_made_again(monkeypatch, tmp_path):
    def interrupted(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as cut_short:
        cut_short.setattr(story.shutil, "copy", interrupted)
        with pytest.raises(KeyboardInterrupt):
            story.prepare(tmp_path / "demo", lambda *_: None)
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            story.prepare(tmp_path / "demo", interrupted)


def test_without_what_it_needs_nothing_is_written(monkeypatch, tmp_path):
    monkeypatch.setattr("sway.core.errors.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError):
        story.prepare(tmp_path / "demo", lambda *_: None)
    assert not (tmp_path / "demo").exists()


def test_a_spec_that_the_user_changed_is_left_alone(untrained, tmp_path):
    (_, spec), *_ = story.prepare(tmp_path / "demo", lambda *_: None)
    spec.write_text(spec.read_text() + "# mine\n")
    story.prepare(tmp_path / "demo", lambda *_: None)
    assert spec.read_text().endswith("# mine\n")


def test_a_folder_of_something_else_is_refused(tmp_path):
    (tmp_path / "thesis.txt").write_text("irreplaceable")
    with pytest.raises(SwayError, match="not a folder of the demonstration"):
        story.prepare(tmp_path, lambda *_: None)
