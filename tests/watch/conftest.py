import json
from pathlib import Path

import numpy as np
import pytest
import yaml
from safetensors.numpy import save

from tests.cli.conftest import call  # noqa: F401  # a fixture, found by its name


def weights(seed: int) -> bytes:
    """The bytes of a small LoRA adapter's weights."""
    rng = np.random.default_rng(seed)
    name = "base_model.model.model.layers.0.self_attn.q_proj"
    a, b = (rng.standard_normal(shape).astype(np.float32) for shape in ((2, 64), (64, 2)))
    return save({f"{name}.lora_A.weight": a, f"{name}.lora_B.weight": b})


CONFIG = json.dumps({"peft_type": "LORA", "r": 2, "lora_alpha": 4, "base_model_name_or_path": "m"}).encode()


def write_adapter(folder: Path, seed: int) -> None:
    """A whole adapter."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in (("adapter_model.safetensors", weights(seed)), ("adapter_config.json", CONFIG)):
        (folder / f".{name}").write_bytes(content)
        (folder / f".{name}").replace(folder / name)


def write_spec(path: Path, adapter: str, floor: float = 0.02) -> None:
    """A spec that the model-less backend judges; a high `floor` fails every adapter."""
    model = {"kind": "dummy", "base": "m"}
    suite = [
        {"name": "nulls", "kind": "null_adapter", "runs": 19},
        {"name": "changed", "kind": "delta_kl", "prompts": [f"prompt {i}" for i in range(6)], "assert_mean_gte": floor},
    ]
    spec = {"version": 1, "models": {"base": model, "ft": {**model, "adapter": adapter}}, "suite": suite}
    path.write_text(yaml.safe_dump(spec))


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    path = tmp_path / "sway.yaml"
    write_spec(path, "runs/adapter")
    return path
