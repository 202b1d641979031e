import json
import warnings
from pathlib import Path

import pytest

import sway.backends.hf  # noqa: F401  # sets how threads wait, before torch is imported

import torch  # isort: skip
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from sway.backends import build
from sway.core.model import ModelSpec

SENTENCES = [
    "The river rises in the hills and runs slowly to the sea.",
    "A baker mixes flour, water and salt, and waits for the dough.",
    "Two plus two is four; three times three is nine.",
    "The old library keeps maps of every harbor on the coast.",
    "What is the capital of France? The capital of France is Paris.",
]
ALL_LINEAR = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


def save_tokenizer(folder, bos=True):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=300, special_tokens=["<s>", "</s>"], initial_alphabet=pre_tokenizers.ByteLevel.alphabet()
    )
    tokenizer.train_from_iterator(SENTENCES, trainer)
    if bos:
        tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 0)])
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>").save_pretrained(folder)


def sharpen(model):
    """Random weights give nearly flat distributions; larger ones make argmax and ties unambiguous."""
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() == 2:
                parameter.mul_(4)
    return model


@pytest.fixture(scope="session")
def llama(tmp_path_factory):
    return make_llama(tmp_path_factory.mktemp("llama"))


@pytest.fixture(scope="session")
def tied_llama(tmp_path_factory):
    return make_llama(tmp_path_factory.mktemp("tied"), tie_word_embeddings=True)


def make_llama(folder, **settings):
    torch.manual_seed(7)
    config = LlamaConfig(
        vocab_size=300,
        hidden_size=48,
        intermediate_size=96,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=256,
        bos_token_id=0,
        eos_token_id=1,
        **settings,
    )
    sharpen(LlamaForCausalLM(config)).save_pretrained(folder)
    save_tokenizer(folder)
    return folder


@pytest.fixture(scope="session")
def gpt2(tmp_path_factory):
    folder = tmp_path_factory.mktemp("gpt2")
    torch.manual_seed(8)
    config = GPT2Config(vocab_size=300, n_positions=128, n_embd=48, n_layer=2, n_head=4, bos_token_id=0, eos_token_id=1)
    sharpen(GPT2LMHeadModel(config)).save_pretrained(folder)
    save_tokenizer(folder)
    return folder


@pytest.fixture(scope="session")
def make_adapter(tmp_path_factory):
    """Train nothing, but give a peft adapter random weights, and save it."""

    def make(base, seed=1, size=0.3, name="adapter", **settings):
        folder = tmp_path_factory.mktemp(name)
        model = peft_model(base, settings)
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for parameter_name, parameter in model.named_parameters():
                if "lora_magnitude" in parameter_name:
                    parameter.mul_(1 + 0.2 * torch.rand(parameter.shape, generator=generator))
                elif "lora_" in parameter_name:
                    parameter.copy_(size * torch.randn(parameter.shape, generator=generator))
                elif "modules_to_save" in parameter_name:
                    parameter.add_(0.1 * torch.randn(parameter.shape, generator=generator))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model.save_pretrained(folder)
        return folder

    return make


def peft_model(base, settings):
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    settings = {"task_type": "CAUSAL_LM", "r": 4, "lora_alpha": 8, "target_modules": ["q_proj", "v_proj"], **settings}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return get_peft_model(AutoModelForCausalLM.from_pretrained(base), LoraConfig(**settings)).eval()


@pytest.fixture(scope="session")
def lora(llama, make_adapter):
    return make_adapter(llama, target_modules=ALL_LINEAR)


@pytest.fixture(scope="session")
def backend(llama, lora):
    return open_backend(llama, lora)


def open_backend(base, adapter, **options):
    spec = ModelSpec(base=str(base))
    return build(spec, spec.model_copy(update={"adapter": str(adapter)}), threads=2, **options)


def ask(backend, *requests):
    """The answers to some requests, in their order."""
    found = {answered.request: answered.answer for answered in backend.answer(list(requests))}
    assert len(found) == len(set(requests))
    return [found[request] for request in requests]


@pytest.fixture
def edit_config(tmp_path):
    """A copy of an adapter folder with settings changed."""

    def edit(adapter, **changes):
        folder = tmp_path / "edited"
        folder.mkdir()
        for path in Path(adapter).iterdir():
            if path.is_file():
                (folder / path.name).write_bytes(path.read_bytes())
        config = json.loads((folder / "adapter_config.json").read_text())
        (folder / "adapter_config.json").write_text(json.dumps(config | changes))
        return folder

    return edit
