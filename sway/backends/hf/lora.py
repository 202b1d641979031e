"""Every view of one adapter on one model: hooks that add each row's own update to the base's output.

The base product is computed once for all rows of a batch; then each group of rows gets its own low-rank part.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import Any

import torch

from sway.backends.adapter import Adapter
from sway.backends.hf.effects import LinearEffect, add_together
from sway.backends.hf.modules import Site, find_sites
from sway.backends.hf.plan import Effects, Group, Plan
from sway.core.errors import BackendError, CannotNullError
from sway.core.views import NullDraw, View

_NULL_BUDGET = {"cpu": 1 << 29, "mps": 1 << 29, "cuda": 4 << 30}


class Views:
    """The views of `adapter` on `model`. Creating it hooks the model; `plan` tells the hooks what each row shows.

    Raises:
        AdapterError: the adapter does not fit the model.
    """

    def __init__(self, model: Any, adapter: Adapter, plan: Plan, base_name: str) -> None:
        self.plan = plan
        self.sites = find_sites(model, adapter, base_name)
        self.trained: Effects = tuple(site.trained for site in self.sites)
        self._nulls: OrderedDict[NullDraw, Effects] = OrderedDict()
        device = next(model.parameters()).device.type
        bytes_each = sum(site.null_bytes for site in self.sites) or 1
        self._keep = max(1, _NULL_BUDGET.get(device, 1 << 29) // bytes_each)
        self._hooks = [
            site.module.register_forward_hook(self._hook(i), with_kwargs=True) for i, site in enumerate(self.sites)
        ]

    def close(self) -> None:
        """Take the adapter off the model, which is the base again."""
        for hook in self._hooks:
            hook.remove()

    @property
    def null_fault(self) -> str | None:
        """Why this adapter has no null counterpart, or None if it has."""
        return next((site.null_fault for site in self.sites if site.null_fault), None)

    def groups(self, views: Sequence[View], counts: Sequence[int] | None = None) -> list[Group]:
        """The groups of a batch where each of `views` is shown by `counts` rows (one); equal neighbors make a group."""
        found: list[Group] = []
        start = 0
        for view, same in groupby(zip(views, counts or [1] * len(views), strict=True), key=lambda pair: pair[0]):
            stop = start + sum(count for _, count in same)
            if not view.is_base:
                found.append(Group(start, stop, self._effects(view), view.scale))
            start = stop
        return found

    def _effects(self, view: View) -> Effects:
        if view.null is None:
            return self.trained
        if view.null in self._nulls:
            self._nulls.move_to_end(view.null)
            return self._nulls[view.null]
        if self.null_fault:
            raise CannotNullError(self.null_fault)
        while len(self._nulls) >= self._keep:
            self._nulls.popitem(last=False)
        self._nulls[view.null] = tuple(site.null(view.null) for site in self.sites)
        return self._nulls[view.null]

    def _hook(self, index: int) -> Callable[..., torch.Tensor | None]:
        plan, name = self.plan, self.sites[index].name

        def hook(
            _: torch.nn.Module, args: tuple[Any, ...], more: dict[str, Any], out: torch.Tensor
        ) -> torch.Tensor | None:
            if plan.paused or not plan.groups:
                return None
            if len(args) != 1 or more or not isinstance(out, torch.Tensor):
                # A copy of the module would be asked with the first input alone, and answer another question.
                what = f"{name} takes more than one input or gives more than one output"
                raise BackendError(what, mend="adapters that change or save such a module whole are not supported")
            return _add(plan, index, args[0], out, name)

        return hook


def _add(plan: Plan, index: int, x: torch.Tensor, out: torch.Tensor, name: str) -> torch.Tensor:
    """`out` with each group's effect added to its own rows."""
    if not plan.packed and out.shape[0] == 1 and plan.rows > 1 and out.dim() > 1:
        # Positions are embedded once for all rows; from here on the rows differ.
        x, out = x.expand(plan.rows, *x.shape[1:]), out.expand(plan.rows, *out.shape[1:])
    seen = out.numel() // out.shape[-1] if plan.packed else out.shape[0]
    width = plan.width if seen == plan.rows * plan.width else out[0].numel() // out.shape[-1]
    if seen not in (plan.rows, plan.rows * plan.width):
        what = f"{name} sees {seen} rows where the batch has {plan.rows}"
        raise BackendError(what, mend="layers that regroup tokens, such as routed experts, are not supported")
    flat = out.contiguous().view(-1, out.shape[-1])
    inputs = x.reshape(flat.shape[0], *(() if x.dtype == torch.long else (x.shape[-1],)))
    for run in _runs(plan.groups, index):
        low, high = run[0].start * width, run[-1].stop * width
        _add_rows(run, index, inputs[low:high], flat[low:high])
    return flat.view(out.shape)


def _runs(groups: Sequence[Group], index: int) -> Iterator[list[Group]]:
    """Neighboring groups that can be added in one product: equal in size, and plain linear updates here."""
    run: list[Group] = []
    for group in groups:
        if run and not (_plain(group, index) and _plain(run[0], index) and _continues(run, group)):
            yield run
            run = []
        run.append(group)
    if run:
        yield run


def _plain(group: Group, index: int) -> bool:
    effect = group.effects[index]
    return isinstance(effect, LinearEffect) and effect.bias is None


def _continues(run: Sequence[Group], group: Group) -> bool:
    return group.start == run[-1].stop and group.stop - group.start == run[0].stop - run[0].start


def _add_rows(run: Sequence[Group], index: int, x: torch.Tensor, out: torch.Tensor) -> None:
    wide = out.float()  # the same tensor where it is float32 already
    plain = [effect for effect in (group.effects[index] for group in run) if isinstance(effect, LinearEffect)]
    if len(run) > 1:
        add_together(plain, [group.scale for group in run], x, wide)
    else:
        run[0].effects[index].add(x, wide, run[0].scale)
    if wide is not out:
        out.copy_(wide)


__all__ = ["Site", "Views"]
