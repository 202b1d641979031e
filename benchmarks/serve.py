"""What a server that keeps models loaded saves and costs; figures as ratios within one run.

    python -m benchmarks.serve [--swaps 50] [--requests 64]

Builds four random-weight Llamas with random LoRAs, starts `sway serve` with room for two of them, and measures:
the first request for a model against the next; many requests at once, each of which must get its own report; and
the server's memory while models take each other's place. Where schemathesis is installed, it then tries to break
the server's promises in /openapi.json.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psutil

from sway.serve.client import ServeClient

PROMPTS = [f"The {word} of the old town was" for word in ("harbor", "market", "baker", "library", "river", "mayor")]
MODELS, ROOM = 4, 2


def make_models(folder: Path) -> list[dict[str, Any]]:
    """Specs of models of 28 million weights each, in folders below `folder`."""
    import torch
    from peft import LoraConfig, get_peft_model
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE(vocab={letter: i for i, letter in enumerate(alphabet)}, merges=[]))
    tokenizer.pre_tokenizer, tokenizer.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    config = LlamaConfig(
        vocab_size=8192, hidden_size=512, intermediate_size=1536, num_hidden_layers=6, num_attention_heads=8
    )
    specs = []
    for i in range(MODELS):
        torch.manual_seed(i)
        base, adapter = folder / f"base{i}", folder / f"adapter{i}"
        model = LlamaForCausalLM(config)
        model.save_pretrained(base)
        PreTrainedTokenizerFast(tokenizer_object=tokenizer).save_pretrained(base)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # peft's own
            lora = LoraConfig(target_modules=["q_proj", "v_proj"], task_type="CAUSAL_LM", init_lora_weights=False)
            get_peft_model(model, lora).save_pretrained(adapter)
        models_ = {"base": {"base": str(base)}, "ft": {"base": str(base), "adapter": str(adapter)}}
        suite = [
            {"name": "nulls", "kind": "null_adapter", "runs": 5, "cache": False},
            {"name": "changed", "kind": "delta_kl", "prompts": PROMPTS, "assert_mean_gte": 0},
        ]
        specs.append({"version": 1, "models": models_, "suite": suite})
    return specs


@contextmanager
def server(folder: Path) -> Iterator[tuple[ServeClient, psutil.Process]]:
    """A running `sway serve` and a client of it."""
    command = [sys.executable, "-m", "sway", "serve", "--port", "0", "--max-loaded-models", str(ROOM), "--root", folder]
    log = (folder / "log").open("w")
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=log, text=True, env={**os.environ})
    assert process.stderr
    url = process.stderr.readline().rpartition(" ")[2].strip()
    with log, process, ServeClient(url) as client:
        yield client, psutil.Process(process.pid)
        process.terminate()


def measured(report: dict[str, Any]) -> str:
    """What identifies a report as that of its own model and seed."""
    changed = next(p for p in report["probes"] if p["name"] == "changed")
    return json.dumps([report["adapter_id"], report["determinism"]["seed"], changed["raw"], changed["samples"]])


def megabytes(process: psutil.Process) -> float:
    """The memory that a process has in use."""
    return process.memory_info().rss / 2**20


def cold_and_warm(client: ServeClient, specs: list[dict[str, Any]]) -> None:
    """The first request for a model against the next five."""
    client.run(specs[1])  # torch and transformers are imported by now
    cold = client.run(specs[0])["request_seconds"]
    warm = statistics.median(client.run(specs[0])["request_seconds"] for _ in range(5))
    print(f"cold {cold:.2f} s, warm {warm:.2f} s, ratio {cold / warm:.1f}")


def all_at_once(client: ServeClient, process: psutil.Process, specs: list[dict[str, Any]], count: int) -> None:
    """Many requests over all models: every one answered, and with what one alone is answered."""
    asked = [(specs[i % MODELS], i % 7) for i in range(count)]
    alone = {(id(spec), seed): measured(client.run(spec, seed=seed)) for spec, seed in asked}
    before, start = megabytes(process), time.perf_counter()
    with ThreadPoolExecutor(count) as pool:
        reports = list(pool.map(lambda pair: client.run(pair[0], seed=pair[1]), asked))
    seconds, after = time.perf_counter() - start, megabytes(process)
    right = sum(measured(r) == alone[id(s), seed] for r, (s, seed) in zip(reports, asked, strict=True))
    print(f"{count} at once: {len(reports)} answered, {right} with their own numbers, {seconds:.1f} s")
    print(f"memory {before:.0f} MB before, {after:.0f} MB after, ratio {after / before:.2f}")
    assert right == count


def swaps(client: ServeClient, process: psutil.Process, specs: list[dict[str, Any]], count: int) -> None:
    """Models that take each other's place: memory after the last against memory after the first few."""
    sizes = []
    for i in range(count):
        client.run(specs[i % MODELS])
        sizes.append(megabytes(process))
    early, late = statistics.median(sizes[4:12]), statistics.median(sizes[-8:])
    print(f"{count} requests, {client.stats()['evictions']} evictions in all, {ROOM} loaded at most")
    print(f"memory {early:.0f} MB early, {late:.0f} MB late, {max(sizes):.0f} MB at most, ratio {late / early:.2f}")


def promises(client: ServeClient) -> None:
    """Requests made up from the server's own documentation, and answers held to it."""
    if find_spec("schemathesis") is None:
        print("schemathesis is not installed: pip install schemathesis")
        return
    command = [sys.executable, "-m", "schemathesis.cli", "run", f"{client.url}/openapi.json", "--max-examples", "50"]
    # Only JSON and keys that a server was started with can be refused, and this one was started without.
    command += ["--exclude-checks", "unsupported_method,ignored_auth", "--seed", "1"]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    print("\n".join(ran.stdout.splitlines()[-12:]))


def main() -> None:
    """Measure all of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--swaps", type=int, default=50)
    parser.add_argument("--requests", type=int, default=64)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve()
        specs = make_models(folder)
        with server(folder) as (client, process):
            cold_and_warm(client, specs)
            all_at_once(client, process, specs, options.requests)
            swaps(client, process, specs, options.swaps)
            promises(client)


if __name__ == "__main__":
    main()
