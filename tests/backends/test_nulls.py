import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sway.backends.adapter import LowRank, product_norm
from sway.backends.nulls import null_matrix, null_update, null_vector
from sway.core.requests import Failure, NextToken, RollingLogprob
from sway.core.views import BASE, TUNED, NullDraw, NullFamily, View
from tests.backends.conftest import ALL_LINEAR, ask, open_backend

TEXT = "The river rises in the hills and runs slowly to the sea."


def trained(rank=3, into=20, out=12, seed=0, **extra):
    rng = np.random.default_rng(seed)
    a, b = (rng.normal(size=s).astype("f4") for s in ((rank, into), (out, rank)))
    return LowRank("model.x", a, b, scaling=2.0, **extra)


def product(factors):
    return factors.scaling * factors.b.astype("f8") @ factors.a.astype("f8")


@given(st.integers(1, 8), st.integers(1, 40), st.integers(1, 40), st.integers(0, 50), st.sampled_from([0.25, 1.0, 4.0]))
def test_matched_nulls_have_the_adapters_norm(rank, into, out, index, multiplier):
    update = trained(rank, into, out)
    drawn = null_update(update, NullDraw(1, index, rank_multiplier=multiplier))
    assert np.linalg.norm(product(drawn)) == pytest.approx(np.sqrt(multiplier) * update.norm, rel=1e-5)


@given(st.integers(1, 8), st.integers(0, 50))
def test_permuted_nulls_keep_the_spectrum(rank, index):
    update = trained(rank)
    drawn = null_update(update, NullDraw(0, index, NullFamily.PERMUTED))
    spectra = [np.linalg.svd(product(each), compute_uv=False)[:rank] for each in (update, drawn)]
    assert np.allclose(*spectra, rtol=1e-5)
    assert sorted(map(tuple, drawn.b)) == sorted(map(tuple, update.b))


def test_gaussian_nulls_have_the_entries_asked_for():
    update = trained(rank=64, into=400, out=300)
    drawn = null_update(update, NullDraw(0, 0, NullFamily.GAUSSIAN, init_scale=0.05))
    assert drawn.a.std() == pytest.approx(0.05, rel=0.02)
    assert drawn.b.std() == pytest.approx(0.05, rel=0.02)
    wider = null_update(update, NullDraw(0, 0, NullFamily.GAUSSIAN, init_scale=0.05, rank_multiplier=4))
    assert np.allclose(product(wider), 2 * product(drawn), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("family", NullFamily)
def test_a_null_follows_from_its_draw_and_module_alone(family):
    draw = NullDraw(5, 2, family)
    one, again = null_update(trained(), draw), null_update(trained(), draw)
    assert (one.a == again.a).all()
    assert (one.b == again.b).all()
    for other in (NullDraw(5, 3, family), NullDraw(6, 2, family)):
        assert not np.array_equal(null_update(trained(), other).b, one.b)
    elsewhere = LowRank("model.y", trained().a, trained().b, 2.0)
    assert not np.array_equal(null_update(elsewhere, draw).b, one.b)


def test_an_update_of_nothing_has_nulls_of_nothing():
    update = LowRank("model.x", np.ones((2, 5), "f4"), np.zeros((4, 2), "f4"), 1.0)
    assert not product(null_update(update, NullDraw(0, 0))).any()


def test_nulls_of_biases_and_saved_parts_have_their_norms():
    bias = np.arange(12, dtype="f4")
    drawn = null_update(trained(bias=bias), NullDraw(0, 1))
    assert np.linalg.norm(drawn.bias) == pytest.approx(np.linalg.norm(bias), rel=1e-5)
    assert np.linalg.norm(null_vector("m", "w", 7, 3.0, NullDraw(0, 0, rank_multiplier=4))) == pytest.approx(
        6, rel=1e-5
    )
    matrix = null_matrix("m", (90, 100), 5.0, NullDraw(0, 0))
    assert product_norm(matrix.a, matrix.b) == pytest.approx(5.0, rel=1e-5)
    assert matrix.a.shape == (64, 100)


def test_a_null_view_runs_its_own_update(llama, lora, backend):
    """The backend's null equals an adapter whose tensors are the null's."""
    draw = NullDraw(3, 7)
    dists = ask(backend, NextToken(View(1.0, draw), TEXT, 50), NextToken(View(0.5, draw), TEXT, 50))
    drawn = {name: null_update(update, draw) for name, update in backend.adapter.updates.items()}
    from transformers import AutoModelForCausalLM

    for dist, scale in zip(dists, (1.0, 0.5), strict=True):
        model = AutoModelForCausalLM.from_pretrained(llama)
        with torch.no_grad():
            for name, factors in drawn.items():
                model.get_submodule(name).weight += scale * torch.tensor(product(factors), dtype=torch.float32)
            logits = model(torch.tensor([backend.text.prompt(TEXT)])).logits[0, -1]
        expected = torch.log_softmax(logits, -1).double().numpy()
        assert np.abs(dist.logprobs - expected[dist.ids]).max() < 1e-4


def test_views_of_a_null_differ_by_draw_and_not_by_order(backend):
    first, second = (RollingLogprob(View(1.0, NullDraw(0, k)), TEXT) for k in (0, 1))
    one, two = ask(backend, first, second)
    backend.views._nulls.clear()
    two_again, one_again = (ask(backend, request)[0] for request in (second, first))
    assert (one.logprobs == one_again.logprobs).all()
    assert (two.logprobs == two_again.logprobs).all()
    assert not np.allclose(one.logprobs, two.logprobs, atol=1e-3)


def test_nulls_are_kept_within_a_budget(llama, lora):
    backend = open_backend(llama, lora)
    backend.views._keep = 2
    many = [NextToken(View(1.0, NullDraw(0, k)), TEXT, 4) for k in range(6)]
    answers = ask(backend, *many)
    assert len(backend.views._nulls) == 2
    assert len({tuple(answer.logprobs) for answer in answers}) == 6


def saved_change(backend, view):
    """How a saved head or norm moves the hidden layers' output: the change of the logits, up to a constant."""
    base, moved = ask(backend, NextToken(BASE, TEXT, 300), NextToken(view, TEXT, 300))
    return moved.logprobs - base.logprobs


@pytest.mark.parametrize("saved", [["lm_head"], ["embed_tokens"], ["model.norm"], ["input_layernorm", "lm_head"]])
def test_saved_modules_have_nulls(llama, make_adapter, saved):
    backend = open_backend(llama, make_adapter(llama, size=0.0, modules_to_save=saved))
    null = View(1.0, NullDraw(0, 0))
    assert backend.refusal(NextToken(null, TEXT)) is None
    sizes = [np.std(saved_change(backend, view)) for view in (TUNED, null, View(1.0, NullDraw(0, 1)))]
    assert all(size > 0.01 for size in sizes)
    assert 0.2 < sizes[1] / sizes[0] < 5
    assert np.std(saved_change(backend, View(1e-3, NullDraw(0, 0)))) < 0.02 * sizes[1]


def test_a_saved_head_and_its_null_change_the_weights_by_one_norm(llama, make_adapter):
    backend = open_backend(llama, make_adapter(llama, size=0.0, modules_to_save=["lm_head"]))
    site = next(site for site in backend.views.sites if site.name == "lm_head")
    eye, zero = torch.eye(48), torch.zeros(48, 300)
    base = torch.nn.functional.linear(eye, site.module.weight).clone()
    norms = []
    for effect in (site.trained, site.null(NullDraw(0, 0)), site.null(NullDraw(0, 1, rank_multiplier=4))):
        out = base.clone()
        with torch.inference_mode():
            effect.add(eye, out, 1.0)
        norms.append(float(torch.linalg.norm(out - base)))
    assert norms[1] == pytest.approx(norms[0], rel=1e-4)
    assert norms[2] == pytest.approx(2 * norms[0], rel=1e-4)
    assert zero.abs().sum() == 0


def test_dora_nulls_keep_no_magnitude(llama, make_adapter):
    backend = open_backend(llama, make_adapter(llama, use_dora=True, size=0.0, target_modules=ALL_LINEAR))
    base, tuned, null = ask(backend, *(RollingLogprob(v, TEXT) for v in (BASE, TUNED, View(1.0, NullDraw(0, 0)))))
    assert np.abs(tuned.logprobs - base.logprobs).max() > 0.01
    assert (null.logprobs == base.logprobs).all()


def test_what_cannot_be_nulled_says_so(llama, make_adapter):
    backend = open_backend(llama, make_adapter(llama, modules_to_save=["mlp"]))
    null = NextToken(View(1.0, NullDraw(0, 0)), TEXT, 4)
    assert "no random counterpart" in backend.refusal(null)
    answers = ask(backend, null, NextToken(TUNED, TEXT, 4))
    assert isinstance(answers[0], Failure)
    assert "no random counterpart" in answers[0].reason
    assert not isinstance(answers[1], Failure)
