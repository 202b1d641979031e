"""What a spec from the network may not name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sway.serve.policy import Policy, Refused
from tests.serve.fakes import HOLDS

ENDPOINT = "http://127.0.0.1:8000/v1"


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The server's one folder and its working folder; beside it lies what is none of a request's business."""
    for name in ("root/adapter", "root/base", "secret"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "secret" / "text.md").write_text("# secret\nwords")
    (tmp_path / "root" / "link").symlink_to(tmp_path / "secret")
    monkeypatch.chdir(tmp_path / "root")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path / "root"


def check(policy: Policy, **keys: Any) -> None:
    """Check a spec in which `keys` replace keys of the tuned model, or top-level ones."""
    model = {k: v for k, v in keys.items() if k not in ("sections", "controls", "dlm_source", "suite")}
    base = {"base": model.get("base", "./base"), "kind": model.get("kind", "hf")}
    spec = {"version": 1, "models": {"base": base, "ft": {**base, **model}}, "suite": keys.get("suite", [HOLDS])}
    spec |= {k: v for k, v in keys.items() if k not in model}
    policy.check(spec, policy.place(None))


def refused(policy: Policy, **keys: Any) -> str:
    with pytest.raises(Refused) as told:
        check(policy, **keys)
    return str(told.value)


OUTSIDE = ["../secret", "link", "adapter/../../secret", "~/secret", "/etc", "link/../secret"]


@pytest.mark.parametrize("path", OUTSIDE)
@pytest.mark.parametrize("key", ["adapter", "base", "sections", "controls", "dlm_source"])
def test_no_path_leads_out_of_the_roots(root: Path, path: str, key: str) -> None:
    assert "leads out of the folders" in refused(Policy((root,)), **{key: path})


@pytest.mark.parametrize("key", ["adapter_path", "store_path", "embedding_model"])
def test_nor_does_one_of_a_probe(root: Path, key: str) -> None:
    ghost = {"name": "ghost", "kind": "gradient_ghost", key: "../secret"}
    assert f"suite[0].{key}" in refused(Policy((root,)), suite=[ghost])


@pytest.mark.parametrize("path", ["../sway.yaml", "/etc/sway.yaml", "link/sway.yaml", "\0", "~/x"])
def test_nor_does_the_spec_path(root: Path, path: str) -> None:
    with pytest.raises(Refused):
        Policy((root,)).place(path)


@pytest.mark.parametrize("kind", ["dummy", "api", "custom", "mlx", "hf", None, [], "no such"])
@pytest.mark.parametrize(("side", "other"), [("base", "ft"), ("ft", "base")])
@pytest.mark.parametrize("base", ["../secret", "link", "org/model"])
def test_a_base_that_the_other_kind_would_load_is_held_to_the_roots(
    root: Path, side: str, other: str, kind: Any, base: str
) -> None:
    models = {side: {"kind": kind, "base": base}, other: {"kind": "hf", "base": "./base", "adapter": "adapter"}}
    policy = Policy((root,), code=True)
    with pytest.raises(Refused) as told:
        policy.check({"version": 1, "models": models, "defaults": {"differential": False}}, policy.place(None))
    assert f"models.{side}.base" in str(told.value)


def test_a_base_that_nothing_loads_is_a_mere_name_but_no_way_to_look_around(root: Path) -> None:
    policy = Policy((root,), code=True, endpoints=(ENDPOINT,))
    check(policy, kind="dummy", base="anything")
    check(policy, kind="custom", base="org/model")
    check(policy, kind="api", endpoint=ENDPOINT, base="/srv/model")
    assert "leads out of the folders" in refused(policy, kind="dummy", base="../secret")


@pytest.mark.parametrize("path", ["adapter", "./adapter", "adapter/../adapter"])
def test_paths_below_a_root_are_fine(root: Path, path: str) -> None:
    check(Policy((root,)), adapter=path)
    check(Policy((root,)), adapter=str(root / path), base=str(root / "base"))


def test_a_second_root_opens_that_folder(root: Path) -> None:
    check(Policy((root, root.parent / "secret")), adapter="../secret", sections="../secret/text.md")


def test_a_model_of_the_hub_must_be_there(root: Path, tmp_path: Path) -> None:
    assert "may not download" in refused(Policy((root,)), base="org/model")
    check(Policy((root,), download=True), base="org/model")
    snapshot = tmp_path / "hub" / "models--org--model" / "snapshots" / "c0ffee"
    snapshot.mkdir(parents=True)
    refs = snapshot.parents[1] / "refs"
    refs.mkdir()
    (refs / "main").write_text("c0ffee")
    check(Policy((root,)), base="org/model")
    assert "may not download" in refused(Policy((root,)), base="org/model", revision="v2")


@pytest.mark.parametrize("base", ["org/../model", "a/b/c", "org/model\0", "https://x/y"])
def test_what_is_no_model_id_is_refused(root: Path, base: str) -> None:
    refused(Policy((root,), download=True), base=base)


@pytest.mark.parametrize("revision", ["../../secret", "a/b", 3])
def test_a_revision_is_no_path(root: Path, revision: Any) -> None:
    assert "is no name of a revision" in refused(Policy((root,), download=True), base="org/m", revision=revision)


@pytest.mark.parametrize("keys", [{"kind": "custom"}, {"trust_remote_code": True}, {"entry_point": "os:system"}])
def test_code_runs_only_where_the_server_allows_it(root: Path, keys: dict[str, Any]) -> None:
    assert "asks to run code" in refused(Policy((root,)), **keys)
    check(Policy((root,), code=True), **keys)


@pytest.mark.parametrize(
    "url", ["http://169.254.169.254/", "http://127.0.0.1:8001/v1", "http://127.0.0.1:8000@evil/", 3]
)
def test_only_allowed_endpoints_are_asked(root: Path, url: Any) -> None:
    policy = Policy((root,), endpoints=(ENDPOINT,))
    check(policy, kind="api", endpoint=ENDPOINT, base="m")
    assert "does not ask that endpoint" in refused(policy, kind="api", endpoint=url, base="m")
    assert "does not ask that endpoint" in refused(Policy((root,)), kind="api", endpoint=ENDPOINT, base="m")


keys = st.sampled_from(
    ["models", "suite", "sections", "base", "ft", "adapter", "endpoint", "revision", "x_path", "kind"]
)
plain = st.none() | st.booleans() | st.integers() | st.text(max_size=9)
shaped = st.recursive(plain, lambda inner: st.dictionaries(keys, inner, max_size=4) | st.lists(inner, max_size=2))


@given(st.dictionaries(keys, shaped, max_size=5))
@settings(max_examples=50, deadline=None)
def test_no_shape_of_a_spec_is_more_than_refused(spec: dict[str, Any]) -> None:
    policy = Policy((Path("/nonexistent"),))
    try:
        policy.check(spec, Path("/nonexistent/sway.yaml"))
    except Refused:
        return
