"""Run a network in evaluation mode and leave it exactly as it was."""

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from typing import Any

import torch
from torch import nn

__all__ = ["unchanged"]


@contextmanager
def unchanged(model: Any) -> Iterator[None]:
    """Evaluate; then put back modes, attributes, buffers and torch's random state.

    >>> net = nn.Dropout().train()
    >>> with unchanged(net):
    ...     net.seen, mode = 1, net.training
    >>> mode, net.training, hasattr(net, "seen")
    (False, True, False)
    """
    modules = list(model.modules()) if isinstance(model, nn.Module) else []
    kept = [_copy_of(vars(module)) for module in modules]
    # A scripted module keeps its mode elsewhere than among its attributes.
    modes = [module.training for module in modules]
    buffers = [(b, b.clone()) for m in modules for b in m.buffers(recurse=False)]
    cuda = range(torch.cuda.device_count()) if torch.cuda.is_initialized() else ()
    eager = torch.compiler.set_stance("force_eager")  # compiled code cannot be heard
    with torch.random.fork_rng(devices=cuda), eager:
        try:
            for module in modules:
                module.training = False
            yield
        finally:
            for module, state, mode in zip(modules, kept, modes):
                _put_back(vars(module), state)
                if module.training != mode:
                    module.training = mode
            with torch.no_grad():
                for buffer, value in buffers:
                    buffer.copy_(value)


def _copy_of(attributes: dict[str, Any]) -> dict[str, Any]:
    """Copy the lists and dictionaries among a module's attributes, not what they hold.

    A network may append to a list on its way: only a copy tells what was there before.
    """
    return {
        name: copy(value) if isinstance(value, _HOLDERS) else value
        for name, value in attributes.items()
    }


_HOLDERS = (dict, list, set, deque)


def _put_back(live: dict[str, Any], kept: dict[str, Any]) -> None:
    """Make `live` hold what `kept` does, in the lists that others know."""
    for key in live.keys() - kept.keys():
        del live[key]
    for key, value in kept.items():
        now: Any = live.get(key)
        if isinstance(value, _HOLDERS) and type(now) is type(value):
            now.clear()
            if isinstance(now, list | deque):
                now.extend(value)
            else:
                now.update(value)
        else:
            live[key] = value
