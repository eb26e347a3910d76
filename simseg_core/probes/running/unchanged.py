"""Run a network and leave it exactly as it was, however the probe was given it.

Three things together see to that. The modules that a callable holds are found by
looking (`reach.py`); one that looking does not find is met by a global
hook when it is called, before its `forward` runs; and a tensor that stood before the
run is put back if something writes to it in place (`writes.py`).
"""

import random
import sys
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from copy import copy
from operator import is_
from types import FrameType
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_forward_pre_hook

from simseg_core.probes.running.reach import HOLDERS, is_foreign, modules_in, reach
from simseg_core.probes.running.writes import Writes

__all__ = ["unchanged", "unchanged_by_timing"]

_PROBES = __name__.rpartition(".")[0]


@contextmanager
def unchanged(model: Any) -> Iterator[None]:
    """Evaluate; then put back modes, attributes, buffers, lists and random states.

    >>> net = nn.Dropout().train()
    >>> with unchanged(lambda image: net(image)):
    ...     net.seen, mode = 1, net.training
    >>> mode, net.training, hasattr(net, "seen")
    (False, True, False)
    """
    with ExitStack() as stack:
        stack.enter_context(_random_states())
        stack.enter_context(_without_inference_mode())
        stack.enter_context(_without_cast_weights())
        stack.enter_context(torch.compiler.set_stance("force_eager"))  # can be heard
        kept = _Kept(evaluates=True)
        stack.callback(kept.put_back)
        kept.keep_all(model)
        stack.enter_context(kept.hearing())
        yield


@contextmanager
def unchanged_by_timing(model: Any, rehearse: Callable[[], Any]) -> Iterator[None]:
    """Put back the same of modules, whose mode stays: it is part of what is timed.

    Args:
        model: what will be timed.
        rehearse: runs it once, heard, so that nothing listens while the clock runs.
    """
    with ExitStack() as stack:
        stack.enter_context(_random_states())
        kept, writes = _Kept(evaluates=False), Writes()
        stack.callback(kept.put_back)
        stack.callback(writes.put_back)
        # What a timed function notes beside its modules, such as a count, is meant.
        kept.keep_all(modules_in(model))
        with (
            warnings.catch_warnings(),
            torch.compiler.set_stance("force_eager"),
            kept.hearing(),
            writes,
        ):
            # That a compiled module would call hooks twice: here it is not compiled.
            warnings.filterwarnings("ignore", message="Using `torch.compile")
            rehearse()
        yield


class _Kept:
    """What modules and the lists beside them held before.

    Args:
        evaluates: set the evaluation mode of each module that is kept.
    """

    def __init__(self, evaluates: bool) -> None:
        self.evaluates = evaluates
        self.modules: dict[int, tuple[nn.Module, bool]] = {}
        self.attributes: list[tuple[dict[str, Any], dict[str, Any]]] = []
        self.holders: list[tuple[Any, Any]] = []
        self.buffers: list[tuple[Tensor, Tensor]] = []

    def keep_all(self, model: Any) -> None:
        """Keep the modules that `model` holds, and the objects and lists as well."""
        self.keep(modules_in(model))
        for value in reach(model):
            if type(value) in HOLDERS:
                self.holders.append((value, copy(value)))
            elif not isinstance(value, type | nn.Module) and not is_foreign(value):
                state = getattr(value, "__dict__", {})
                self.attributes.append((state, _copy_of(state)))

    def keep(self, modules: Iterable[nn.Module]) -> None:
        """Keep the modules that are not known yet; evaluate them from here on."""
        new = [module for module in modules if id(module) not in self.modules]
        for module in new:
            # A scripted module keeps its mode elsewhere than among its attributes.
            self.modules[id(module)] = module, module.training
            self.attributes.append((vars(module), _copy_of(vars(module))))
            self.buffers += [(b, b.clone()) for b in module.buffers(recurse=False)]
        for module in new if self.evaluates else ():
            module.training = False

    @contextmanager
    def hearing(self) -> Iterator[None]:
        """Keep each module that is called and is not known yet."""
        handle = register_module_forward_pre_hook(self._meet)
        try:
            yield
        finally:
            handle.remove()

    def _meet(self, module: nn.Module, args: Any) -> None:
        if id(module) in self.modules:
            return
        for owner in _methods_running():
            unknown = owner is not module and id(owner) not in self.modules
            if unknown and self.evaluates and owner.training:
                kind = type(owner).__name__
                raise ValueError(
                    f"a method of {kind} runs that was not called through the module, "
                    "and the module could not be found before: its evaluation mode "
                    f"could not be set. Pass the {kind} itself, its bound method, or "
                    "a function that holds it in a variable, or call .eval() on it"
                )
            self.keep(owner.modules())
        self.keep(modules_in(module))

    def put_back(self) -> None:
        """Let everything hold again what it did."""
        for now, before in reversed(self.holders):
            _refill(now, before)
        for live, state in reversed(self.attributes):
            _put_back(live, state)
        for module, mode in self.modules.values():
            if module.training != mode:
                module.training = mode
        for buffer, value in self.buffers:
            buffer.data.copy_(value)  # unseen by a gradient that is still to be taken


def _methods_running() -> Iterator[nn.Module]:
    """Yield the modules whose methods the probe has got into, innermost first."""
    frame: FrameType | None = sys._getframe(2)
    while frame is not None and not _is_ours(frame):
        owner = frame.f_locals.get("self")
        if isinstance(owner, nn.Module):
            yield owner
        frame = frame.f_back


def _is_ours(frame: FrameType) -> bool:
    return str(frame.f_globals.get("__name__", "")).startswith(_PROBES)


@contextmanager
def _without_inference_mode() -> Iterator[None]:
    """Leave inference mode, and let the network's own do nothing.

    Its tensors have no gradient and do not tell who wrote to them.
    """
    mode: Any = torch.inference_mode
    enter, leave = mode.__enter__, mode.__exit__

    def enter_if_torchs_own(self: Any) -> None:
        caller = str(sys._getframe(1).f_globals.get("__name__"))
        self.is_entered = caller.startswith("torch._subclasses")  # makes a fake weight
        if self.is_entered:
            enter(self)

    def leave_if_entered(self: Any, *error: Any) -> None:
        if self.is_entered:
            leave(self, *error)

    with mode(False):
        mode.__enter__, mode.__exit__ = enter_if_torchs_own, leave_if_entered
        try:
            yield
        finally:
            mode.__enter__, mode.__exit__ = enter, leave


@contextmanager
def _without_cast_weights() -> Iterator[None]:
    """Let autocast keep no weights: a reader's own run would find the fake ones."""
    before = torch.is_autocast_cache_enabled()
    torch.set_autocast_cache_enabled(False)
    try:
        yield
    finally:
        torch.set_autocast_cache_enabled(before)


@contextmanager
def _random_states() -> Iterator[None]:
    """Put back the random states of Python, NumPy and torch."""
    python, numbers = random.getstate(), np.random.get_state()  # noqa: NPY002
    cuda = range(torch.cuda.device_count()) if torch.cuda.is_initialized() else ()
    try:
        with torch.random.fork_rng(devices=cuda):
            yield
    finally:
        random.setstate(python)
        np.random.set_state(numbers)  # noqa: NPY002


def _copy_of(attributes: dict[str, Any]) -> dict[str, Any]:
    """Copy the lists and dictionaries among a module's attributes, not what they hold.

    A network may append to a list on its way: only a copy tells what was there before.
    """
    return {
        name: copy(value) if issubclass(type(value), HOLDERS) else value
        for name, value in attributes.items()
    }


def _put_back(live: dict[str, Any], kept: dict[str, Any]) -> None:
    """Make `live` hold what `kept` does, in the lists that others know."""
    for key in live.keys() - kept.keys():
        del live[key]
    for key, value in kept.items():
        now: Any = live.get(key)
        if issubclass(type(value), HOLDERS) and type(now) is type(value):
            _refill(now, value)
        else:
            live[key] = value


def _refill(now: Any, before: Any) -> None:
    """Let a list or dictionary hold what it did; leave it alone if it still does."""
    if len(now) == len(before) and all(map(is_, _parts(now), _parts(before))):
        return
    now.clear()
    if isinstance(now, list | deque):
        now.extend(before)
    else:
        now.update(before)


def _parts(holder: Any) -> list[Any]:
    if isinstance(holder, dict):
        return [*holder.keys(), *holder.values()]
    return list(holder)
