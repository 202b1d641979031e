"""Conversion for mlx, held to the adapter's own products everywhere, and to mlx itself where it is installed."""

from __future__ import annotations

import json
import re
import shutil
import sys
import warnings
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

from sway.backends import build
from sway.backends.adapter import read_adapter
from sway.backends.files import content_digest
from sway.backends.mlx.backend import MLXBackend
from sway.backends.mlx.convert import CONFIG, WEIGHTS, converted
from sway.core import folders
from sway.core.errors import AdapterError, BackendError, MissingExtraError
from sway.core.model import ModelSpec
from sway.core.requests import Chat, Embed, Failure, Generation, NextToken, RollingLogprob, SpanLogprob
from sway.core.views import BASE, TUNED, NullDraw, View
from tests.backends.conftest import ALL_LINEAR, SENTENCES, ask, open_backend
from tests.cli.conftest import call  # noqa: F401  # a fixture
from tests.test_house import ROOT, loaded_by


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return folders.converted_adapters()


@pytest.fixture(scope="session")
def patterned(llama: Path, make_adapter: Any) -> Path:
    """An adapter whose modules differ in rank and scaling."""
    patterns = {"rank_pattern": {"q_proj": 2, "layers.1.v_proj": 6}, "alpha_pattern": {"v_proj": 3}}
    return make_adapter(llama, target_modules=ALL_LINEAR, use_rslora=True, **patterns)


@pytest.mark.parametrize("name", ["lora", "patterned"])
def test_every_product_is_pefts(request: pytest.FixtureRequest, name: str) -> None:
    """x @ lora_a @ lora_b times the scale is what PEFT adds: scaling * B @ A @ x."""
    folder = request.getfixturevalue(name)
    place = converted(folder)
    config = json.loads((place / CONFIG).read_text())
    made = load_file(place / WEIGHTS)
    updates = read_adapter(folder).updates
    assert set(made) == {f"{module}.{part}" for module in updates for part in ("lora_a", "lora_b")}
    assert config["lora_parameters"]["keys"] == sorted({re.sub(r"^model\.layers\.\d+\.", "", m) for m in updates})
    for module, update in updates.items():
        a, b = made[f"{module}.lora_a"], made[f"{module}.lora_b"]
        assert a.shape[1] == b.shape[0] == config["lora_parameters"]["rank"]
        found = config["lora_parameters"]["scale"] * (a.astype(float) @ b).T
        np.testing.assert_allclose(found, update.scaling * update.b.astype(float) @ update.a, rtol=1e-5, atol=1e-6)


def test_the_cache_is_by_content_and_survives_what_is_torn(lora: Path, tmp_path: Path, cache: Path) -> None:
    place = converted(lora)
    assert place.parent == cache
    written = (place / WEIGHTS).stat().st_mtime_ns
    shutil.copytree(lora, tmp_path / "copy")
    assert converted(tmp_path / "copy") == place
    assert (place / WEIGHTS).stat().st_mtime_ns == written
    (place / CONFIG).unlink()
    assert (converted(lora) / CONFIG).is_file()
    config = json.loads((tmp_path / "copy" / "adapter_config.json").read_text())
    (tmp_path / "copy" / "adapter_config.json").write_text(json.dumps({**config, "lora_alpha": 99}))
    assert converted(tmp_path / "copy") != place
    assert len(list(cache.iterdir())) == 2


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"modules_to_save": ["lm_head"]}, "is saved whole (modules_to_save)"),
        ({"use_dora": True}, "has a magnitude (DoRA)"),
        ({"lora_bias": True}, "has a bias (lora_bias)"),
        ({"target_modules": ["embed_tokens", "q_proj"]}, "is not a linear layer within model.layers"),
        ({"target_modules": ["lm_head"]}, "is not a linear layer within model.layers"),
    ],
)
def test_what_mlx_cannot_hold_is_refused_by_name(llama: Path, make_adapter: Any, settings: Any, said: str) -> None:
    with pytest.raises(AdapterError) as told:
        converted(make_adapter(llama, **settings))
    assert said in str(told.value)
    assert "use kind hf" in str(told.value)


def test_an_adapter_of_a_quantized_base_is_refused(edit_config: Any, lora: Path, llama: Path, tmp_path: Path) -> None:
    base = tmp_path / "base"
    shutil.copytree(llama, base)
    settings = json.loads((base / "config.json").read_text())
    settings["quantization_config"] = {"quant_method": "bitsandbytes", "load_in_4bit": True}
    (base / "config.json").write_text(json.dumps(settings))
    with pytest.raises(AdapterError, match=r"quantized \(bitsandbytes, 4 bits\)"):
        converted(edit_config(lora, base_model_name_or_path=str(base)))


def test_the_command_writes_a_folder_and_replaces_nothing_else(call, lora: Path, tmp_path: Path) -> None:  # noqa: F811
    target = tmp_path / "out" / "mlx"
    code, out, _ = call("convert-adapter", lora, target)
    assert (code, out) == (0, f"{target}: 14 modules for mlx\n")
    assert {p.name for p in target.iterdir()} == {CONFIG, WEIGHTS}
    assert [p.name for p in target.parent.iterdir()] == ["mlx"]
    assert call("convert-adapter", lora, target).code == 2
    assert call("convert-adapter", "--target", "mlx", "--overwrite", lora, target).code == 0
    (target / "mine").touch()
    for words, said in (
        ([lora, target, "--overwrite"], "is no converted adapter"),
        ([lora, lora], "is the adapter itself"),
        ([tmp_path / "none", tmp_path / "x"], "does not exist"),
        ([lora, "/proc/x/y"], "cannot be written"),
        (["--target", "gguf", lora, tmp_path / "x"], "'gguf' is not"),
    ):
        code, _, err = call("convert-adapter", *words)
        assert code == 2
        assert said in err
    assert (target / "mine").exists()


def test_conversion_loads_no_model_library(lora: Path, tmp_path: Path) -> None:
    paths = f"Path({str(lora)!r}), Path({str(tmp_path / 'x')!r})"
    code = f"from pathlib import Path; from sway.backends.mlx.convert import convert; convert({paths})"
    assert not loaded_by(code, ROOT) & {"torch", "transformers", "mlx", "mlx_lm", "peft"}


class Peft:
    """The same model and adapter under peft, with the two methods that the backend asks of mlx's."""

    device, dtype = "cpu", "float32"

    def __init__(self, base: Path, adapter: Path) -> None:
        from peft import PeftModel
        from transformers import AutoModelForCausalLM

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # peft's own
            self.model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base), adapter).eval()
        self.layers = [m for m in self.model.modules() if hasattr(m, "lora_A") and hasattr(m, "scaling")]
        self.scaling = [dict(layer.scaling) for layer in self.layers]
        self.config: dict[str, Any] = {}

    def logits(self, ids: tuple[int, ...], view: View) -> Any:
        import torch

        for layer, trained in zip(self.layers, self.scaling, strict=True):
            layer.scaling = {name: value * view.scale for name, value in trained.items()}
        with torch.inference_mode():
            return self.model(torch.tensor([ids])).logits[0].numpy()

    def writer(self, view: View) -> Any:
        given: list[int] = []

        def write(ids: tuple[int, ...]) -> Any:
            given.extend(ids)
            return self.logits(tuple(given), view)[-1]

        return write


STRENGTHS = (BASE, TUNED, View(0.5), View(1.25))
VIEWS = (*STRENGTHS, View(1.0, NullDraw(1000, 3)), View(0.5, NullDraw(1000, 4)))


def agree(mlx: Any, hf: Any, views: tuple[View, ...], atol: float) -> None:
    """Every kind of answer, of every kind of view, is the hf backend's."""
    asked: list[Any] = [NextToken(view, text, 32) for view in views for text in SENTENCES[:2]]
    asked += [SpanLogprob(view, SENTENCES[0], " " + SENTENCES[1]) for view in views]
    asked += [RollingLogprob(view, SENTENCES[2]) for view in views]
    for request, here, there in zip(asked, ask(hf, *asked), ask(mlx, *asked), strict=True):
        np.testing.assert_allclose(there.logprobs, here.logprobs, atol=atol, err_msg=str(request))
        if isinstance(request, NextToken):
            assert (there.ids == here.ids).all()
            assert there.other == pytest.approx(here.other, abs=atol)
    lines = [Generation(view, SENTENCES[0], 6) for view in (BASE, TUNED)]
    assert ask(mlx, *lines) == ask(hf, *lines)


def test_its_own_part_answers_as_hf_does(llama: Path, lora: Path, backend: Any) -> None:
    """All but mlx itself, over the same model run by peft."""
    own = MLXBackend(Peft(llama, lora), backend.text, frozenset({1}), read_adapter(lora), str(llama))
    agree(own, backend, STRENGTHS, atol=1e-4)
    own.preflight()
    refused = [
        Generation(TUNED, "a", 4, temperature=1.0),
        Embed(BASE, "a", "m"),
        NextToken(TUNED, Chat((), required=True)),
    ]
    for request in refused:
        assert own.refusal(request)
        assert isinstance(ask(own, request)[0], Failure)


def test_it_is_known_by_the_revision_of_its_base(
    llama: Path, lora: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repo = tmp_path / "hub" / "models--org--model"
    for commit in ("pinned", "latest"):
        shutil.copytree(llama, repo / "snapshots" / commit)
    (repo / "snapshots" / "latest" / "added.txt").write_text("changed since")
    (repo / "refs").mkdir()
    (repo / "refs" / "main").write_text("latest")
    monkeypatch.setenv("HF_HUB_CACHE", str(repo.parent))
    monkeypatch.setattr("sway.backends.mlx.model.Model", lambda *_: Peft(llama, lora))
    spec = ModelSpec(kind="mlx", base="org/model", revision="pinned")
    own = MLXBackend.load(spec, spec.model_copy(update={"adapter": str(lora)}), differential=True)
    assert own.identity().base_digest == content_digest(repo / "snapshots" / "pinned")


MLX_LM = """
import json, runpy
def load_model(folder):
    named = json.loads((folder / "config.json").read_text()).get("model_file")
    if named is not None:
        runpy.run_path(str(folder / named))
    raise ValueError("no model here")
"""
"""What matters of the versions of mlx-lm that run a model's own file without asking."""


@pytest.fixture
def mlx_lm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Such an mlx-lm, for want of or in place of the real one."""
    for name, text in {"mlx/core.py": "", "mlx_lm/__init__.py": "", "mlx_lm/utils.py": MLX_LM}.items():
        path = tmp_path / "site" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (tmp_path / "site" / "mlx" / "__init__.py").touch()
    real = {name: sys.modules.pop(name) for name in list(sys.modules) if name.split(".")[0] in ("mlx", "mlx_lm")}
    monkeypatch.syspath_prepend(tmp_path / "site")
    yield
    for name in [name for name in sys.modules if name.split(".")[0] in ("mlx", "mlx_lm")]:
        del sys.modules[name]
    sys.modules.update(real)


@pytest.mark.usefixtures("mlx_lm")
@pytest.mark.parametrize("trusted", [False, True])
def test_code_in_the_bases_folder_runs_only_where_it_is_trusted(
    llama: Path, lora: Path, tmp_path: Path, trusted: bool
) -> None:
    base, ran = tmp_path / "base", tmp_path / "ran"
    shutil.copytree(llama, base)
    settings = json.loads((base / "config.json").read_text())
    (base / "config.json").write_text(json.dumps({**settings, "model_file": "own.py"}))
    (base / "own.py").write_text(f"open({str(ran)!r}, 'w').close()")
    spec = ModelSpec(kind="mlx", base=str(base), trust_remote_code=trusted)
    with pytest.raises(BackendError) as told:
        build(spec, spec.model_copy(update={"adapter": str(lora)}))
    assert ran.exists() == trusted
    assert ("model_file" in str(told.value)) != trusted
    assert ("set trust_remote_code: true" in str(told.value)) != trusted
    assert "\n" not in str(told.value)


def test_code_of_a_tokenizer_is_refused_without_asking_anybody(
    llama: Path, lora: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base, ran = tmp_path / "base", tmp_path / "ran"
    shutil.copytree(llama, base)
    settings = {"tokenizer_class": "Own", "auto_map": {"AutoTokenizer": ["own.Own", None]}}
    (base / "tokenizer_config.json").write_text(json.dumps(settings))
    (base / "config.json").write_text(json.dumps({"model_type": "own", "auto_map": {"AutoConfig": "own.Own"}}))
    (base / "own.py").write_text(f"open({str(ran)!r}, 'w').close()\nclass Own: ...\n")
    monkeypatch.setattr("builtins.input", lambda _: "y")
    monkeypatch.setattr("sway.backends.mlx.model.Model", lambda *_: Peft(llama, lora))
    spec = ModelSpec(kind="mlx", base=str(base))
    with pytest.raises(BackendError, match="set trust_remote_code: true"):
        MLXBackend.load(spec, spec.model_copy(update={"adapter": str(lora)}), differential=True)
    assert not ran.exists()


@pytest.mark.skipif(
    find_spec("mlx_lm") is None, reason="mlx and mlx-lm are not installed: pip install 'mlx[cpu]' mlx-lm"
)
@pytest.mark.parametrize("name", ["lora", "patterned"])
def test_mlx_answers_as_hf_does(request: pytest.FixtureRequest, llama: Path, name: str) -> None:
    folder = request.getfixturevalue(name)
    spec = ModelSpec(kind="mlx", base=str(llama))
    mlx = build(spec, spec.model_copy(update={"adapter": str(folder)}))
    assert isinstance(mlx, MLXBackend)
    mlx.preflight()
    agree(mlx, open_backend(llama, folder), VIEWS, atol=2e-3)
    assert mlx.stats().forward_passes > 0
    assert mlx.identity().adapter_digest == read_adapter(folder).digest
    mlx.close()


@pytest.mark.skipif(find_spec("mlx_lm") is not None, reason="mlx-lm is installed")
def test_without_mlx_it_is_said_what_to_install(llama: Path, lora: Path) -> None:
    spec = ModelSpec(kind="mlx", base=str(llama))
    with pytest.raises(MissingExtraError, match=r"dlm-sway\[mlx\]"):
        build(spec, spec.model_copy(update={"adapter": str(lora)}))
