"""CPU time of answering questions in batches of all views, against one forward pass a question.

    python benchmarks/batching.py [--prompts 8] [--nulls 19] [--layers 6]

Builds a random-weight Llama of SmolLM2-135M's widths with a random LoRA, so it needs no download. The reference
does what a script written by hand does: for each question set that view's adapter in place, run the model on
that one sequence, take the full logits. Both paths answer the same questions in the same run, and must agree.
"""

from __future__ import annotations

import argparse
import tempfile
import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

import sway.backends.hf  # noqa: F401  # sets how threads wait, before torch is imported
from sway.backends import build
from sway.backends.adapter import read_adapter
from sway.backends.hf.backend import HFBackend
from sway.backends.nulls import null_update
from sway.core.model import ModelSpec
from sway.core.requests import Generation, NextToken, Request, RollingLogprob, SpanLogprob
from sway.core.views import BASE, TUNED, NullDraw, View
from sway.demo.text import document, manual, openings, prose, read_sections
from sway.engine.plan import Options, make_plan
from sway.suite.loader import spec_from_data

TARGETS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
LAMBDAS = (0.25, 0.5, 0.75, 1.25, 1.5)
SENTENCES = (
    "The river rises in the hills and runs slowly down to the sea past the old stone mill.",
    "A baker mixes flour with water and a little salt, and then waits for the dough to rise.",
    "Two plus two is four, and three times three is nine, as every child at school knows.",
    "The library keeps maps of every harbor on the coast, some of them older than the town.",
)


@dataclass(frozen=True)
class Ratio:
    """CPU seconds of the two paths over the same questions, and the largest difference of a log-probability."""

    batched: float
    one_at_a_time: float
    difference: float
    requests: int

    @property
    def ratio(self) -> float:
        """How many times less CPU time batching takes."""
        return self.one_at_a_time / self.batched


class OneAtATime:
    """The reference: one model, one adapter set in place, one sequence a forward pass, full logits."""

    def __init__(self, base: Path, adapter: Path, text: object) -> None:
        from transformers import AutoModelForCausalLM

        self.model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32).eval()
        self.updates = read_adapter(adapter).updates
        self.text = text
        self.state: dict[str, tuple[torch.Tensor, torch.Tensor, float]] = {}
        self.nulls: dict[NullDraw, dict[str, tuple[torch.Tensor, torch.Tensor, float]]] = {}
        self.supports: dict[tuple[int, ...], np.ndarray] = {}
        modules = dict(self.model.named_modules())
        for name in self.updates:
            modules[name].register_forward_hook(self._hook(name))

    def _hook(self, name):
        def hook(_module, args, out):
            if name not in self.state:
                return out
            a, b, scaling = self.state[name]
            return out + (args[0] @ a.T) @ b.T * scaling

        return hook

    def _show(self, view: View) -> None:
        if view.is_base:
            self.state = {}
            return
        if view.null is None:
            factors = self.updates
        else:
            if view.null not in self.nulls:
                drawn = {name: null_update(update, view.null) for name, update in self.updates.items()}
                self.nulls[view.null] = drawn
            factors = self.nulls[view.null]
        self.state = {
            name: (torch.tensor(f.a), torch.tensor(f.b), f.scaling * view.scale) for name, f in factors.items()
        }

    @torch.inference_mode()
    def _logprobs(self, view: View, ids: tuple[int, ...]) -> torch.Tensor:
        self._show(view)
        return torch.log_softmax(self.model(torch.tensor([ids])).logits[0].float(), -1)

    def _support(self, ids: tuple[int, ...], k: int) -> np.ndarray:
        if ids not in self.supports:
            self.supports[ids] = self._logprobs(BASE, ids)[-1].topk(k).indices.numpy()
        return self.supports[ids]

    @torch.inference_mode()
    def answer(self, request: Request) -> np.ndarray | str:
        """Log-probabilities, or the text written."""
        if isinstance(request, NextToken):
            ids = self.text.prompt(request.prompt)
            logprobs = self._logprobs(request.view, ids)[-1]
            if request.view.is_base:
                self.supports[ids] = logprobs.topk(request.top_k).indices.numpy()
            return logprobs[torch.from_numpy(self._support(ids, request.top_k))].numpy()
        if isinstance(request, Generation):
            return self._write(request)
        ids, first = (
            self.text.span(request.prompt, request.completion)
            if isinstance(request, SpanLogprob)
            else (self.text.rolling(request.text), 1)
        )
        logprobs = self._logprobs(request.view, ids)
        return logprobs[torch.arange(first - 1, len(ids) - 1), torch.tensor(ids[first:])].numpy()

    def _write(self, request: Generation) -> str:
        if request.temperature > 0:
            raise ValueError("the reference writes greedily only")
        self._show(request.view)
        ids = torch.tensor([self.text.prompt(request.prompt)])
        made = self.model.generate(
            input_ids=ids, max_new_tokens=request.max_new_tokens, do_sample=False, pad_token_id=0
        )
        return self.text.decode(made[0, ids.shape[1] :].tolist())


def ratio(requests: Sequence[Request], backend: HFBackend, reference: OneAtATime) -> Ratio:
    """Answer `requests` both ways, and compare the CPU time spent and the numbers."""
    start = time.process_time()
    batched = {found.request: found.answer for found in backend.answer(requests)}
    middle = time.process_time()
    single = {request: reference.answer(request) for request in requests}
    end = time.process_time()
    gaps = [_gap(batched[request], single[request]) for request in requests]
    return Ratio(middle - start, end - middle, max(gaps), len(requests))


def _gap(batched, single) -> float:
    if isinstance(single, str):
        return 0.0 if batched.text == single else float("inf")
    return float(np.abs(batched.logprobs - single).max())


def build_model(folder: Path, layers: int) -> None:
    """A random-weight Llama of SmolLM2-135M's widths, with a tokenizer of about four characters a token."""
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=49152,
        hidden_size=576,
        intermediate_size=1536,
        num_hidden_layers=layers,
        num_attention_heads=9,
        num_key_value_heads=3,
        max_position_embeddings=2048,
        tie_word_embeddings=True,
        bos_token_id=0,
        eos_token_id=49151,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=16000,
        special_tokens=["<s>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator((*manual(), *prose(), *SENTENCES), trainer)
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<s>").save_pretrained(folder)


def build_adapter(base: Path, folder: Path, rank: int = 8) -> None:
    """A LoRA with random weights on every linear layer of the blocks."""
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    model = get_peft_model(
        AutoModelForCausalLM.from_pretrained(base),
        LoraConfig(r=rank, lora_alpha=2 * rank, target_modules=TARGETS, task_type="CAUSAL_LM"),
    )
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                parameter.copy_(0.02 * torch.randn(parameter.shape, generator=generator))
    model.save_pretrained(folder)


def next_tokens(prompts: int, nulls: int, words: int = 13) -> list[Request]:
    """The next token of `prompts` prompts of about 16 tokens under base, tuned, five multiples and some nulls."""
    texts = [" ".join((SENTENCES[i % 4].split() * 2)[i // 4 :][:words]) for i in range(prompts)]
    views = [BASE, TUNED, *map(View, LAMBDAS), *(View(1.0, NullDraw(0, k)) for k in range(nulls))]
    return [NextToken(view, text) for view in views for text in texts]


def suite(prompts: int, nulls: int, *, short: bool = False) -> list[Request]:
    """What every probe that needs a model asks first, of the demonstration's document, with its nulls.

    `short` takes the document's questions and answers alone, and passages of 256 characters.
    """
    learned = {"include_kinds": ["instruction"]} if short else {}
    passages = {"chunk_chars": 256, "max_chunks": 8} if short else {"chunk_chars": 1024}
    asked = openings(read_sections(document()))[:prompts]
    entries = [
        {"name": "nulls", "kind": "null_adapter", "runs": nulls},
        {"name": "changed", "kind": "delta_kl", "prompts": asked},
        {"name": "learned", "kind": "section_internalization", **learned},
        {"name": "curve", "kind": "adapter_ablation", "prompts": asked},
        {"name": "recite", "kind": "leakage"},
        {"name": "intact", "kind": "external_perplexity", **passages},
    ]
    models = {"base": {"base": "org/base"}, "ft": {"base": "org/base", "adapter": str(Path(__file__).parent)}}
    data = {"version": 1, "models": models, "sections": str(document()), "suite": entries}
    plan = make_plan(spec_from_data(data), Options())
    tasks = [plan.task(entry, draw) for entry in plan.model for draw in (None, *plan.draws(entry))]
    for task in tasks:
        task.advance(None)
    return list(dict.fromkeys(question for task in tasks for question in task.asked))


def workloads(prompts: int, nulls: int) -> dict[str, list[Request]]:
    """The kinds of question that suites ask."""
    texts = [" ".join((SENTENCES[i % 4].split() * 2)[i // 4 :][:13]) for i in range(prompts)]
    both = (BASE, TUNED)
    return {
        f"next token, {prompts} prompts, 7 views, {nulls} nulls": next_tokens(prompts, nulls),
        f"next token, {prompts} prompts, base and tuned": next_tokens(prompts, 0)[: 2 * prompts],
        f"the probes of short questions, {nulls} nulls": suite(prompts, nulls, short=True),
        f"the standard suite, {nulls} nulls": suite(prompts, nulls),
        "24 completions, base and tuned": [
            SpanLogprob(v, t, f" and so {i} more") for v in both for i in range(24 // prompts or 1) for t in texts
        ],
        "8 texts of 128 words, base and tuned": [
            RollingLogprob(v, " ".join((" ".join(SENTENCES).split() * 3)[i : i + 128])) for v in both for i in range(8)
        ],
        "16 greedy continuations of 16 tokens": [Generation(v, t, 16) for v in both for t in texts[:8]],
    }


def main() -> None:
    """Build, answer both ways, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--prompts", type=int, default=8)
    parser.add_argument("--nulls", type=int, default=19)
    parser.add_argument("--layers", type=int, default=6)
    parser.add_argument("--threads", type=int, default=None)
    parser.add_argument("--only", default="", help="work whose name holds this text")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as home:
        base, adapter = Path(home) / "base", Path(home) / "adapter"
        build_model(base, options.layers)
        build_adapter(base, adapter)
        spec = ModelSpec(base=str(base))
        backend = build(spec, spec.model_copy(update={"adapter": str(adapter)}), threads=options.threads)
        assert isinstance(backend, HFBackend)
        reference = OneAtATime(base, adapter, backend.text)
        warm = [NextToken(view, "A line to warm both paths.") for view in (BASE, TUNED)]
        ratio(warm, backend, reference)
        for name, requests in workloads(options.prompts, options.nulls).items():
            if options.only not in name:
                continue
            backend.scorer.supports.clear()
            reference.supports.clear()
            found = ratio(requests, backend, reference)
            print(
                f"{name}: {found.one_at_a_time:.2f} s one at a time, {found.batched:.2f} s batched, "
                f"ratio {found.ratio:.1f}, largest difference {found.difference:.1e} nats"
            )


if __name__ == "__main__":
    main()
