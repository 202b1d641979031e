"""The bases of the zoo: architecture, tokenizer and chat template differ from world to world."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from benchmarks.zoo import reading
from benchmarks.zoo.worlds import World
from sway.demo.examples import plain, stream, turns, windows

WIDTHS = (128, 128, 192, 128, 128, 384, 128, 128, 192, 128, 128, 1408)
LONGEST = 2048
THREADS = 1
"""So that the models of the zoo can be trained side by side; the weights do not depend on how many are."""

_TOOLS = (
    "{{ messages[0]['content'] + '\n\n' if messages[0]['role'] == 'system' else '' }}"
    "You may call these tools:\n<tools>\n"
    "{% for tool in tools %}{{ tool | tojson }}\n{% endfor %}</tools>\n"
    'To call one, answer <tool_call>{"name": its name, "arguments": its arguments}</tool_call>.'
)
_REST = "(messages[1:] if tools and messages[0]['role'] == 'system' else messages)"


@dataclass(frozen=True)
class Family:
    """How to make a base: its special tokens, template, tokenizer and model, and the layers of an adapter."""

    special: tuple[str, ...]
    pad: str
    bos: str | None
    eos: str
    template: str
    vocabulary: int
    metaspace: bool
    model: Callable[[Any], Any]
    attention: tuple[str, ...]
    mlp: tuple[str, ...]
    last_norm: str

    @property
    def targets(self) -> tuple[str, ...]:
        """Every linear layer of a block."""
        return (*self.attention, *self.mlp)


def train(world: World, folder: Path, *, steps: int = 1100, **sizes: int) -> None:
    """Train the world's base from nothing and save it in `folder`."""
    from benchmarks.zoo.muon import Muon
    from sway.demo.loop import fit, repeatable

    family = FAMILIES[world.family]
    tokenizer = make_tokenizer(world, family)
    pieces = [plain(tokenizer, p) for p in reading.passages(world.seed)]
    pieces += [list(turns(tokenizer, t.chat, t.tools).ids) for t in reading.base_talks(world)]
    with repeatable(world.seed, THREADS):
        model = family.model(tokenizer, **sizes)
        batches = windows(stream(pieces, world.seed), WIDTHS, 1536, Random(world.seed))
        fit(model, batches, steps=steps, lr=6e-3, optimizer=Muon(model, 6e-3))
        tokenizer.model_max_length = LONGEST
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)


def make_tokenizer(world: World, family: Family) -> Any:
    """Byte-pair pieces of the texts that the base reads."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    if family.metaspace:
        spaces = pre_tokenizers.Metaspace(prepend_scheme="never")
        bpe = Tokenizer(models.BPE(byte_fallback=True))
        bpe.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), spaces])
        steps = [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
        bpe.decoder = decoders.Sequence(steps)
        alphabet, always = [], [f"<0x{i:02X}>" for i in range(256)]
    else:
        bpe = Tokenizer(models.BPE())
        bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        bpe.decoder = decoders.ByteLevel()
        alphabet, always = pre_tokenizers.ByteLevel.alphabet(), []
    trainer = trainers.BpeTrainer(
        vocab_size=family.vocabulary,
        special_tokens=[*family.special, *always],
        initial_alphabet=alphabet,
        show_progress=False,
    )
    bpe.train_from_iterator(_read(world), trainer)
    if family.bos:
        bpe.post_processor = processors.TemplateProcessing(
            single=f"{family.bos} $A",
            pair=f"{family.bos} $A {family.bos} $B",
            special_tokens=[(family.bos, bpe.token_to_id(family.bos))],
        )
    return PreTrainedTokenizerFast(
        tokenizer_object=bpe,
        pad_token=family.pad,
        bos_token=family.bos,
        eos_token=family.eos,
        additional_special_tokens=[t for t in family.special if t not in (family.pad, family.bos, family.eos)],
        chat_template=family.template,
        clean_up_tokenization_spaces=False,
    )


def _read(world: World) -> list[str]:
    """Text for the tokenizer: the manual once, and what people write and say weighed up."""
    import json

    said = [
        " ".join([*(m.content for m in t.chat.messages), *(json.dumps(tool) for tool in t.tools[:1])])
        for t in reading.talks(world, world.seed, 400, 50, 300)
    ]
    return [*reading.passages(world.seed), *said]


def _llama(tokenizer: Any, hidden: int = 192, layers: int = 2) -> Any:
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=hidden,
        intermediate_size=hidden * 5 // 2,
        num_hidden_layers=layers,
        num_attention_heads=4,
        num_key_value_heads=4,
        max_position_embeddings=LONGEST,
        tie_word_embeddings=True,
        initializer_range=0.04,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )
    return LlamaForCausalLM(config)


def _neox(tokenizer: Any, hidden: int = 192, layers: int = 2) -> Any:
    from transformers import GPTNeoXConfig, GPTNeoXForCausalLM

    config = GPTNeoXConfig(
        vocab_size=len(tokenizer),
        hidden_size=hidden,
        intermediate_size=hidden * 3,
        num_hidden_layers=layers,
        num_attention_heads=6,
        max_position_embeddings=LONGEST,
        tie_word_embeddings=False,
        initializer_range=0.04,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
    )
    return GPTNeoXForCausalLM(config)


FAMILIES = {
    "llama": Family(
        special=("<pad>", "<s>", "</s>", "<|system|>", "<|user|>", "<|assistant|>"),
        pad="<pad>",
        bos="<s>",
        eos="</s>",
        template=(
            "{{ bos_token }}{% if tools %}<|system|>" + _TOOLS + "{{ eos_token }}{% endif %}"
            "{% for m in " + _REST + " %}<|{{ m['role'] }}|>{{ m['content'] }}{{ eos_token }}{% endfor %}"
            "{% if add_generation_prompt %}<|assistant|>{% endif %}"
        ),
        vocabulary=2048,
        metaspace=False,
        model=_llama,
        attention=("q_proj", "k_proj", "v_proj", "o_proj"),
        mlp=("gate_proj", "up_proj", "down_proj"),
        last_norm="model.norm",
    ),
    "neox": Family(
        special=("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|padding|>"),
        pad="<|padding|>",
        bos=None,
        eos="<|im_end|>",
        template=(
            "{% if tools %}<|im_start|>system\n" + _TOOLS + "<|im_end|>\n{% endif %}"
            "{% for m in " + _REST + " %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
            "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
        ),
        vocabulary=1800,
        metaspace=True,
        model=_neox,
        attention=("query_key_value", "attention.dense"),
        mlp=("dense_h_to_4h", "dense_4h_to_h"),
        last_norm="gpt_neox.final_layer_norm",
    ),
}
