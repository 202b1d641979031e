"""Where an adapter acts in a model: each module it changes, with the trained effect and the means to draw nulls."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from sway.backends.adapter import Adapter, LowRank
from sway.backends.hf.effects import (
    DoraEffect,
    EmbeddingEffect,
    LinearEffect,
    SavedEffect,
    SumEffect,
    VectorEffect,
)
from sway.backends.hf.plan import Effect
from sway.backends.nulls import Factors, null_matrix, null_update, null_vector
from sway.backends.shapes import missing, shape_fault
from sway.backends.tensors import Array
from sway.core.errors import AdapterError
from sway.core.views import NullDraw


@dataclass(frozen=True, eq=False)
class Site:
    """One module that the adapter changes. `null` draws a counterpart unless `null_fault` says why there is none."""

    name: str
    module: nn.Module
    trained: Effect
    null: Callable[[NullDraw], Effect]
    null_bytes: int
    null_fault: str | None = None


def find_sites(model: Any, adapter: Adapter, base_name: str) -> list[Site]:
    """The modules that `adapter` changes, in the order of their names. Raises `AdapterError` where it does not fit."""
    modules = dict(model.named_modules())
    both = adapter.updates.keys() & adapter.saved.keys()
    absent = [name for name in (*adapter.updates, *adapter.saved) if name not in modules]
    if absent:
        raise missing(adapter, absent[0], base_name)
    if both:
        raise AdapterError(f"{min(both)} has both an update and a saved copy", where=str(adapter.folder))
    maker = _Maker(adapter, base_name)
    sites = [maker.updated(modules[name], update) for name, update in adapter.updates.items()]
    sites += [maker.saved(name, modules[name], params) for name, params in adapter.saved.items()]
    return sorted(sites, key=lambda site: site.name)


@dataclass(frozen=True)
class _Maker:
    adapter: Adapter
    base_name: str

    def updated(self, module: nn.Module, update: LowRank) -> Site:
        self._check(module, update)
        scale = _embed_scale(module)
        place = _Place(module, update.embedding, scale)
        factors = Factors(update.a, update.b, update.scaling, update.bias)
        trained: Effect = place.effect(factors)
        if update.magnitude is not None:
            trained = self._dora(module, update, place)
        return Site(
            name=update.module,
            module=module,
            trained=trained,
            null=lambda draw: place.effect(null_update(update, draw)),
            null_bytes=update.a.nbytes + update.b.nbytes,
        )

    def saved(self, name: str, module: nn.Module, params: Mapping[str, Array]) -> Site:
        tuned = copy.deepcopy(module)
        own = dict(tuned.named_parameters())
        if {k: tuple(v.shape) for k, v in own.items()} != {k: v.shape for k, v in params.items()}:
            given = ", ".join(f"{k} {v.shape}" for k, v in params.items())
            raise self._fault(f"{name} was saved as {given}; {self.base_name} does not have it so")
        changes = {}
        for key, parameter in own.items():
            value = torch.tensor(params[key]).to(parameter)
            changes[key] = float(torch.linalg.vector_norm((value.float() - parameter.float()).cpu().double()))
            parameter.data = value
        fault = _saved_null_fault(name, module)
        return Site(
            name=name,
            module=module,
            trained=SavedEffect(tuned),
            null=lambda draw: _saved_null(name, module, changes, draw),
            null_bytes=sum(p.numel() for p in own.values()) // 4,
            null_fault=fault,
        )

    def _check(self, module: nn.Module, update: LowRank) -> None:
        name = update.module
        if update.embedding != isinstance(module, nn.Embedding):
            raise self._fault(f"{name} is a {type(module).__name__}, which this update does not fit")
        out, into = _dims(module)
        found = shape_fault(update, (into, out) if update.embedding else (out, into))
        if found:
            raise self._fault(f"the adapter was trained on a base whose {name} {found[0]}; this base is {found[1]}")
        if update.base_copy is not None:
            copied = torch.tensor(update.base_copy)
            weight = module.weight.detach().float().cpu()  # type: ignore[operator]  # an embedding's weight is a tensor
            if copied.shape != weight.shape or not torch.allclose(copied, weight, rtol=1e-2, atol=1e-4):
                raise self._fault(f"the adapter was trained on a base whose {name} weights differ from this base's")

    def _dora(self, module: nn.Module, update: LowRank, place: _Place) -> DoraEffect:
        weight = module.weight
        if not isinstance(weight, torch.Tensor) or not weight.is_floating_point() or weight.dim() != 2:
            raise self._fault(f"{update.module} has packed weights, on which DoRA is not supported")
        device = weight.device
        a, b = torch.tensor(update.a, device=device), torch.tensor(update.b, device=device)
        out_first = weight.detach().float() if _out_first(module) else weight.detach().float().t()
        norm = torch.linalg.vector_norm(torch.addmm(out_first, b, a, alpha=update.scaling), dim=1)
        gain = torch.tensor(update.magnitude, device=device) / norm
        inner = place.effect(Factors(update.a, update.b * gain.cpu().numpy()[:, None], update.scaling))
        bias = getattr(module, "bias", None)
        return DoraEffect(inner, gain - 1, None if bias is None else bias.detach().float())

    def _fault(self, what: str) -> AdapterError:
        mend = "give the base model that the adapter was trained on"
        return AdapterError(what, where=str(self.adapter.folder), mend=mend)


@dataclass(frozen=True, eq=False)
class _Place:
    """What is needed to turn factors into the effect of one linear layer or embedding."""

    module: nn.Module
    embedding: bool
    embed_scale: float = 1.0

    def effect(self, factors: Factors) -> LinearEffect | EmbeddingEffect:
        device = next(self.module.parameters()).device
        a, b = torch.tensor(factors.a, device=device), torch.tensor(factors.b, device=device)
        if self.embedding:
            return EmbeddingEffect(a.t().contiguous(), b, factors.scaling * self.embed_scale)
        bias = None if factors.bias is None else torch.tensor(factors.bias, device=device)
        return LinearEffect(a, b, factors.scaling, bias)


def _out_first(module: nn.Module) -> bool:
    """Whether the weight is stored (out, in): not so for GPT-2's Conv1D, (in, out), and embeddings, (tokens, dim)."""
    return type(module).__name__ != "Conv1D" and not isinstance(module, nn.Embedding)


def _dims(module: nn.Module) -> tuple[int, int]:
    """(out, in) of a linear layer, which packed layers state beside their weights, or (dim, tokens)."""
    if hasattr(module, "out_features") and hasattr(module, "in_features"):
        return int(module.out_features), int(module.in_features)  # type: ignore[arg-type]  # integers on every linear layer
    weight = getattr(module, "weight", None)
    if not isinstance(weight, torch.Tensor) or weight.dim() != 2:
        return 0, 0
    shape = tuple(weight.shape)
    return (shape[0], shape[1]) if _out_first(module) else (shape[1], shape[0])


def _embed_scale(module: nn.Module) -> float:
    """What some embeddings (Gemma's) multiply their output by, and so the update's too."""
    scale = getattr(module, "embed_scale", None)
    return 1.0 if scale is None else float(scale)


def _saved_null_fault(name: str, module: nn.Module) -> str | None:
    nested = any(module.children())
    odd = [k for k, p in module.named_parameters() if p.dim() > 2 or (p.dim() == 2 and k != "weight")]
    matrix = any(p.dim() == 2 for p in module.parameters())
    known = isinstance(module, nn.Linear | nn.Embedding) or type(module).__name__ == "Conv1D"
    if nested or odd or (matrix and not known):
        return f"{name} was saved whole, and a {type(module).__name__} has no random counterpart of equal size"
    return None


def _saved_null(name: str, module: nn.Module, changes: Mapping[str, float], draw: NullDraw) -> Effect:
    """A random change of a saved module, as large in each parameter as the trained one."""
    weight = module.weight
    if isinstance(weight, torch.Tensor) and weight.dim() == 2:
        out, into = _dims(module)
        place = _Place(module, isinstance(module, nn.Embedding), _embed_scale(module))
        matrix = place.effect(null_matrix(name, (out, into), changes["weight"], draw))
        if "bias" not in changes:
            return matrix
        bias = null_vector(name, "bias", out, changes["bias"], draw)
        return SumEffect((matrix, VectorEffect(torch.tensor(bias, device=weight.device))))
    drawn = copy.deepcopy(module)
    drawn._forward_hooks.clear()  # noqa: SLF001  # a copy must not carry the hook that calls it
    for key, parameter in drawn.named_parameters():
        vector = null_vector(name, key, parameter.numel(), changes[key], draw)
        parameter.data = (parameter.float() + torch.tensor(vector, device=parameter.device)).to(parameter.dtype)
    return SavedEffect(drawn)
