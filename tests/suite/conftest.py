from collections.abc import Callable
from pathlib import Path

import pytest

from sway.core.errors import SpecError
from sway.suite.loader import load_spec
from sway.suite.spec import LoadedSpec
from tests.suite.fakes import REGISTRY

MODELS = "models: {base: {base: org/m}, ft: {base: org/m, adapter: adapter}}\n"
SUITE = "suite:\n- {name: a, kind: delta_kl, prompts: [x]}\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the spec is; the working folder is another."""
    (tmp_path / "specs" / "adapter").mkdir(parents=True)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    return tmp_path / "specs"


@pytest.fixture
def load(folder: Path) -> Callable[[str | bytes], LoadedSpec]:
    def load(text: str | bytes) -> LoadedSpec:
        path = folder / "sway.yaml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass"))
        return load_spec(path, registry=REGISTRY)

    return load


@pytest.fixture
def faults(folder: Path, load: Callable[[str | bytes], LoadedSpec]) -> Callable[[str | bytes], list[str]]:
    """The lines of the error, with the folder's name cut out of them."""

    def faults(text: str | bytes) -> list[str]:
        with pytest.raises(SpecError) as caught:
            load(text)
        assert all(p.where for p in caught.value.problems)
        return str(caught.value).replace(f"{folder}/", "").splitlines()

    return faults
