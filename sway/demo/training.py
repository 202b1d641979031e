"""Train the demonstration's base model and its adapters on the CPU, in about a minute and ten seconds.

This room imports torch, transformers, peft and tokenizers, so import it only where a model is made.
"""

from __future__ import annotations

import sway.backends.hf  # noqa: F401  # isort: skip  # how threads wait is read once, when torch is imported

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from itertools import chain
from pathlib import Path
from random import Random
from typing import Any

import torch
from peft import LoraConfig, get_peft_model
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from sway.core.sections import Section
from sway.demo import text
from sway.demo.examples import mixed, plain, running, section_examples, stream, turns, windows
from sway.demo.loop import Example, Progress, Step, fit, repeatable
from sway.demo.variants import noise_adapter, noop_adapter

__all__ = [
    "broken_adapter",
    "fit_adapter",
    "fit_base",
    "noise_adapter",
    "noop_adapter",
    "save_traces",
    "train_adapter",
    "train_base",
]

_PAD, _BOS, _EOS = "<pad>", "<s>", "</s>"
_ROLES = ("<|system|>", "<|user|>", "<|assistant|>")
_TEMPLATE = (
    "{{ bos_token }}{% for m in messages %}<|{{ m['role'] }}|>{{ m['content'] }}{{ eos_token }}{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
_TARGETS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
_WINDOWS = (128, 128, 128, 256, 128, 128, 128, 512)
_BATCH_TOKENS = 1024


def train_base(
    folder: Path,
    *,
    seed: int = 0,
    steps: int = 450,
    hidden: int = 128,
    layers: int = 4,
    vocabulary: int = 2048,
    on_step: Progress | None = None,
) -> Path:
    """Train a byte-level BPE tokenizer and a small Llama on the texts of `sway.demo.text`.

    Saves both in `folder` as Hugging Face does, the weights as safetensors, and returns `folder`.
    A seed gives the same weights again on one machine and one set of library versions.

    Raises:
        SwayError: this Python lacks its manual.
    """
    tokenizer = _tokenizer(vocabulary)
    return fit_base(
        folder,
        tokenizer,
        lambda: LlamaForCausalLM(_config(hidden, layers, vocabulary)),
        _read(tokenizer, seed),
        seed=seed,
        steps=steps,
        on_step=on_step,
    )


def fit_base(
    folder: Path,
    tokenizer: Any,
    model: Callable[[], Any],
    pieces: Sequence[Sequence[int]],
    *,
    seed: int,
    steps: int,
    lr: float = 2e-3,
    widths: Sequence[int] = _WINDOWS,
    batch_tokens: int = _BATCH_TOKENS,
    on_step: Progress | None = None,
) -> Path:
    """Train the model that `model` makes, once the seed is set, on windows of `pieces`; save it with its tokenizer."""
    with repeatable(seed):
        untrained = model()
        batches = windows(stream(pieces, seed), widths, batch_tokens, Random(seed))
        fit(untrained, batches, steps=steps, lr=lr, weight_decay=0.05, on_step=on_step)
        tokenizer.model_max_length = untrained.config.max_position_embeddings
        untrained.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
    return folder


def train_adapter(
    base: Path,
    sections: Sequence[Section],
    folder: Path,
    *,
    r: int = 8,
    alpha: int = 16,
    steps: int = 60,
    lr: float = 2.5e-3,
    seed: int = 0,
    replay: float = 0.5,
    batch: int = 8,
    target_modules: Sequence[str] = _TARGETS,
    use_rslora: bool = False,
    use_dora: bool = False,
    modules_to_save: Sequence[str] | None = None,
    on_step: Progress | None = None,
) -> Path:
    """Train a LoRA adapter on a document and save it in `folder` as peft does, with its training's traces.

    Prose is learned as running text, a question through the chat template with the loss on its answer.
    `replay` is the share of each batch that is drawn from the base's own kinds of text, which keeps the
    adapter from forgetting them. `training_state.pt` holds the optimizer, `logs/` the loss of each step.
    """
    tokenizer = AutoTokenizer.from_pretrained(base)
    config = LoraConfig(
        r=r,
        lora_alpha=alpha,
        target_modules=list(target_modules),
        use_rslora=use_rslora,
        use_dora=use_dora,
        modules_to_save=list(modules_to_save) if modules_to_save else None,
        task_type="CAUSAL_LM",
    )
    own = [e for s in sections for e in section_examples(tokenizer, s)]
    replayed = round(batch * replay)
    sources = [(_replayed(tokenizer, seed), replayed), (own, batch - replayed)]
    return fit_adapter(base, sources, folder, config, steps=steps, lr=lr, seed=seed, on_step=on_step)


def fit_adapter(
    base: Path,
    sources: Sequence[tuple[Sequence[Example], int]],
    folder: Path,
    config: LoraConfig,
    *,
    steps: int,
    lr: float,
    seed: int,
    stop: int | None = None,
    split: bool = False,
    on_step: Progress | None = None,
) -> Path:
    """Train an adapter as `config` says on batches that hold so many examples of each source, and save it."""
    with repeatable(seed):
        model = get_peft_model(AutoModelForCausalLM.from_pretrained(base), config)
        batches = mixed(sources, Random(seed))
        log, optimizer = fit(model, batches, steps=steps, lr=lr, stop=stop, split=split, on_step=on_step)
        model.save_pretrained(folder)
    save_traces(folder, model, optimizer, log)
    return folder


def broken_adapter(
    base: Path,
    sections: Sequence[Section],
    folder: Path,
    *,
    seed: int = 0,
    steps: int = 50,
    on_step: Progress | None = None,
) -> Path:
    """Train an adapter that collapses, because its learning rate is about a hundred times too large."""
    return train_adapter(base, sections, folder, steps=steps, lr=0.5, seed=seed, replay=0.0, on_step=on_step)


def _config(hidden: int, layers: int, vocabulary: int) -> Any:
    return LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=hidden,
        intermediate_size=hidden * 5 // 2,
        num_hidden_layers=layers,
        num_attention_heads=4,
        num_key_value_heads=4,
        max_position_embeddings=1024,
        tie_word_embeddings=True,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
    )


def _tokenizer(vocabulary: int) -> Any:
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=[_PAD, _BOS, _EOS, *_ROLES],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    # Prose is weighed up, so that the pieces suit English words and not only the manual's code.
    bpe.train_from_iterator(chain(text.manual(), text.prose() * 8, text.stories(0, 200)), trainer)
    bpe.post_processor = processors.TemplateProcessing(
        single=f"{_BOS} $A", pair=f"{_BOS} $A {_BOS} $B", special_tokens=[(_BOS, bpe.token_to_id(_BOS))]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=bpe,
        pad_token=_PAD,
        bos_token=_BOS,
        eos_token=_EOS,
        additional_special_tokens=list(_ROLES),
        chat_template=_TEMPLATE,
    )


def _read(tokenizer: Any, seed: int) -> list[list[int]]:
    """What the base reads, each text and conversation as its tokens."""
    passages = [*text.manual(), *text.prose() * 3, *text.stories(seed, 400)]
    pieces = [plain(tokenizer, p) for p in passages]
    return pieces + [list(turns(tokenizer, c).ids) for c in text.exchanges(seed, 800)]


def _replayed(tokenizer: Any, seed: int) -> list[Example]:
    """Passages of the kinds that the base has read, about a paragraph each."""
    rng = Random(seed)
    manual = (topic[start : start + 500] for topic in text.manual() for start in range(0, len(topic), 2500))
    passages = chain(manual, text.prose() * 2, text.stories(seed + 1, 60))
    examples = [running(tokenizer, p) for p in passages]
    examples += [turns(tokenizer, c) for c in text.exchanges(seed + 1, 60)]
    rng.shuffle(examples)
    return examples


def save_traces(folder: Path, model: Any, optimizer: torch.optim.Optimizer, log: Sequence[Step]) -> None:
    """Keep the optimizer's state and the loss of each step beside an adapter, as trainers do."""
    names = [name for name, parameter in model.named_parameters() if parameter.requires_grad]
    state = {"global_step": len(log), "optimizer_state_dict": optimizer.state_dict(), "param_names": names}
    torch.save(state, folder / "training_state.pt")
    logs = folder / "logs"
    logs.mkdir(exist_ok=True)
    lines = (json.dumps(asdict(step)) + "\n" for step in log)
    (logs / "train-000001.jsonl").write_text("".join(lines), encoding="utf-8")
