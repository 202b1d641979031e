import shutil
from pathlib import Path

import pytest

from sway.demo.text import document, read_sections
from tests.cli.conftest import call, own_cache  # noqa: F401  # fixtures, found by their names

DLM_ID = "01HZXYABCDEFGHJKMNPQRSTVWX"


def page(body: str, *, base: str = "hf:org/model", more: str = "") -> str:
    """A document with front matter."""
    return f"---\ndlm_id: {DLM_ID}\nbase_model: {base}\n{more}---\n\n{body}"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home of the dlm tool."""
    monkeypatch.setenv("DLM_HOME", str(tmp_path / "dlm-home"))
    return tmp_path / "dlm-home"


@pytest.fixture
def train(home: Path):
    """Put an adapter into a document's store as the tool itself does, and make it the current version."""

    def train(adapter: Path, version: int = 1, name: str | None = None, dlm_id: str = DLM_ID) -> Path:
        from dlm.store.paths import for_dlm
        from dlm.train.logger import StepLogger

        store = for_dlm(dlm_id)
        store.ensure_layout()
        folder = store.adapter_version_for(name, version) if name else store.adapter_version(version)
        shutil.copytree(adapter, folder)
        if name:
            store.set_current_adapter_for(name, folder)
        else:
            store.set_current_adapter(folder)
        with StepLogger(store.logs / f"train-{version:06d}-2026-01-01T00:00:00.jsonl") as log:
            for step in range(60):
                log.log_step(step=step, loss=3.0 - step / 40, lr=1e-4)
        return folder

    return train


@pytest.fixture
def taught() -> str:
    """The text that the zoo's healthy adapter learned, as the body of a document."""
    return body_of(read_sections(document()))


def body_of(sections) -> str:
    """Sections as a document's body."""
    parts = []
    for section in sections:
        if section.kind == "prose":
            parts.append(f"::prose::\n{section.content}\n")
        elif section.kind == "instruction":
            pairs = "\n\n".join(f"### Q\n{qa.prompt}\n### A\n{qa.gold}" for qa in section.probes)
            parts.append(f"::instruction::\n{pairs}\n")
        else:
            triples = "\n\n".join(
                f"### Prompt\n{p.prompt}\n### Chosen\n{p.chosen}\n### Rejected\n{p.rejected}"
                for p in section.preferences
            )
            parts.append(f"::preference::\n{triples}\n")
    return "\n".join(parts)
