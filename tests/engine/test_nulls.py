"""Null settings and the cache of null statistics: keyed by content, torn files are misses."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sway.backends.interface import Identity
from sway.core.probe import Context, EmbeddingParams
from sway.core.sections import Section, SectionKind
from sway.core.views import NullFamily
from sway.engine.nulls import NullCache, NullSettings, cache_key
from sway.probes.registry import REGISTRY

IDENTITY = Identity("base", "adapter", "b" * 64, "a" * 64)
PROBE = REGISTRY["delta_kl"]
PARAMS = PROBE.params(prompts=["one"])


def test_draws_cover_every_rank_multiplier() -> None:
    draws = NullSettings(runs=3, rank_multipliers=(1.0, 2.0)).draws()
    assert [(d.index, d.rank_multiplier) for d in draws] == [(0, 1), (1, 1), (2, 1), (0, 2), (1, 2), (2, 2)]
    assert len({d.key for d in draws}) == 6


def test_only_calibrated_probes_of_the_chosen_kinds_are_calibrated() -> None:
    assert NullSettings().applies_to(PROBE)
    assert not NullSettings(runs=0).applies_to(PROBE)
    assert not NullSettings(kinds=frozenset({"other"})).applies_to(PROBE)
    assert not NullSettings().applies_to(REGISTRY["gradient_ghost"])


def test_what_is_written_is_read_back_exactly(tmp_path: Path) -> None:
    cache = NullCache(tmp_path / "new")
    raw = {"a": 0.1 + 0.2, "b": 1e-300}
    cache.write("k", raw)
    assert cache.read("k") == raw
    assert [p.name for p in (tmp_path / "new").iterdir()] == ["k.json"]


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"format": 1}', '{"format": 0, "key": "k", "raw": {}}', '{"format":1,"key":"k","raw":[1]}']
)
def test_a_torn_or_foreign_file_is_a_miss(tmp_path: Path, text: str) -> None:
    (tmp_path / "k.json").write_text(text)
    assert NullCache(tmp_path).read("k") == {}


@given(st.recursive(st.none() | st.floats() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)))
def test_any_json_in_the_place_of_statistics_yields_finite_numbers_or_nothing(tmp_path_factory, raw: object) -> None:
    folder = tmp_path_factory.mktemp("cache")
    (folder / "k.json").write_text(json.dumps({"format": 1, "key": "k", "raw": raw}))
    read = NullCache(folder).read("k")
    assert all(isinstance(v, float) and v - v == 0 for v in read.values())


@pytest.mark.parametrize("text", ["{", "[]", "null", "[" * 100_000, '{"format": 1, "key": "k", "raw": {"a": "x"}}'])
def test_a_file_that_is_damaged_counts_as_absent(tmp_path: Path, text: str) -> None:
    (tmp_path / "k.json").write_text(text)
    assert NullCache(tmp_path).read("k") == {}


def test_a_cache_that_cannot_be_written_is_only_slower(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    NullCache(tmp_path / "file").write("k", {"a": 1.0})


def test_the_key_moves_with_all_that_decides_the_number() -> None:
    context = Context()
    section = Section(kind=SectionKind.PROSE, content="text")
    keys = [
        cache_key(IDENTITY, "cpu", PROBE, PARAMS, context),
        cache_key(replace(IDENTITY, base_digest="c" * 64), "cpu", PROBE, PARAMS, context),
        cache_key(replace(IDENTITY, adapter_digest="c" * 64), "cpu", PROBE, PARAMS, context),
        cache_key(IDENTITY, "cuda", PROBE, PARAMS, context),
        cache_key(IDENTITY, "cpu", PROBE, PROBE.params(prompts=["two"]), context),
        cache_key(IDENTITY, "cpu", PROBE, PROBE.params(prompts=["one"], divergence="kl"), context),
        cache_key(IDENTITY, "cpu", PROBE, PARAMS, Context(top_k=8)),
        cache_key(IDENTITY, "cpu", PROBE, PARAMS, Context(sections=(section,))),
    ]
    assert len(set(keys)) == len(keys)


def test_the_key_does_not_move_with_names_paths_or_verdict_settings() -> None:
    same = cache_key(IDENTITY, "cpu", PROBE, PARAMS, Context())
    renamed = replace(IDENTITY, base_id="elsewhere", adapter_id="/other")
    assert cache_key(renamed, "cpu", PROBE, PARAMS, Context(adapter=Path("/other"))) == same
    assert cache_key(IDENTITY, "cpu", PROBE, PROBE.params(prompts=["one"], assert_z_gte=5), Context()) == same


def test_unknown_content_is_never_cached() -> None:
    assert cache_key(replace(IDENTITY, base_digest=""), "cpu", PROBE, PARAMS, Context()) is None


def test_the_family_is_part_of_a_draw() -> None:
    matched, permuted = (NullSettings(runs=1, family=f).draws()[0] for f in (NullFamily.MATCHED, NullFamily.PERMUTED))
    assert matched.key != permuted.key


def test_the_key_follows_the_sentence_model_s_content_and_never_its_place(tmp_path: Path) -> None:
    places = [tmp_path / name for name in ("one", "two", "other")]
    for place, content in zip(places, ("a", "a", "b"), strict=True):
        (place / "1_Pooling").mkdir(parents=True)
        (place / "modules.json").write_text("[]")
        (place / "1_Pooling" / "config.json").write_text(content)
    params = [EmbeddingParams(embedding_model=str(place)) for place in places]
    one, two, other = (cache_key(IDENTITY, "cpu", PROBE, p, Context()) for p in params)
    assert one == two != other
    absent = EmbeddingParams(embedding_model=str(tmp_path / "absent"))
    assert cache_key(IDENTITY, "cpu", PROBE, absent, Context()) is None
