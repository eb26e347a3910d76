"""What lives in the sandbox, made to look like functions and modules to a test outside.

A test calls a `Remote` as it would call the student's own object. What goes in is
copied there, what comes out is copied here; the parameters of a module can be set here
and are there at its next call; gradients flow through.
"""

import builtins
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import UninitializedParameter
from torch.utils._pytree import tree_map

from teach.grading.sandbox.process import Sandbox
from teach.grading.sandbox.wire import Foreign, Held


class NotDefined(NameError):
    """The student's notebook has nothing of the name that a test asks for."""


class InPlace(ValueError):
    """An answer changed what it was called with."""


def fetch(sandbox: Sandbox, name: str) -> Any:
    """Give what a name stands for in the student's notebook.

    Raises:
        NotDefined: Nothing.
    """
    reply = sandbox.ask("get", f"The value of `{name}`", name=name)
    if reply.get("missing"):
        raise NotDefined(
            f"Nothing is called `{name}` when all cells have run: was it renamed, or "
            "does its cell end in an error?"
        )
    return _received(sandbox, reply, name)


class Remote:
    """A function or class in the sandbox."""

    def __init__(self, sandbox: Sandbox, handle: int, name: str) -> None:
        self._sandbox, self._handle, self.__name__ = sandbox, handle, name

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call it there."""
        return _call(self._sandbox, self._handle, self.__name__, args, kwargs)

    def __repr__(self) -> str:
        return self.__name__


class RemoteModule(nn.Module):
    """A module in the sandbox; its parameters and buffers are here, by their names."""

    def __init__(
        self, sandbox: Sandbox, handle: int, name: str, state: dict[str, Any]
    ) -> None:
        super().__init__()
        # In a tuple, which nn.Module takes for no part of itself.
        self._remote = (sandbox, handle, name)
        for place, known in state["tensors"].items():
            owner, leaf = _owner(self, place)
            if known["value"] is None:
                lazy: Any = UninitializedParameter()
                owner.register_parameter(leaf, lazy)
            elif known["learned"]:
                learned = nn.Parameter(known["value"], requires_grad=known["trains"])
                owner.register_parameter(leaf, learned)
            else:
                owner.register_buffer(leaf, known["value"], persistent=known["saved"])
        for place in state["unseen"]:
            owner, leaf = _owner(self, place)
            setattr(owner, leaf, [nn.Identity()])

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Call it there, with the parameters, buffers and mode that it has here."""
        sandbox, handle, name = self._remote
        return _call(sandbox, handle, name, args, kwargs, module=self)


def _owner(module: nn.Module, place: str) -> tuple[nn.Module, str]:
    """Find the part that a dotted name belongs to; parts on the way are made."""
    *path, leaf = place.split(".")
    for part in path:
        if part not in module._modules:
            module.add_module(part, nn.Module())
        module = module.get_submodule(part)
    return module, leaf


def _call(
    sandbox: Sandbox,
    handle: int,
    name: str,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    module: RemoteModule | None = None,
) -> Any:
    state = None
    leaves = [value for value in args if isinstance(value, Tensor)]
    if module is not None:
        state = dict(module.named_parameters()) | dict(module.named_buffers())
        leaves += list(state.values())
    wants = torch.is_grad_enabled() and any(leaf.requires_grad for leaf in leaves)
    reply = sandbox.ask(
        "call",
        f"`{name}`",
        handle=handle,
        args=list(args),
        kwargs=kwargs,
        state=state,
        training=module is not None and module.training,
        grad_enabled=torch.is_grad_enabled(),
        wants_gradients=wants,
    )
    value = _received(sandbox, reply, name)
    if reply.get("changed"):
        raise InPlace(
            f"{name} changes its input in place, and who called still needs it: make "
            "something new instead."
        )
    if module is not None:
        for place, buffer in module.named_buffers():
            buffer.data = reply["buffers"][place]
    if wants and isinstance(reply.get("call"), int):
        outputs: list[Tensor] = []
        tree_map(lambda t: outputs.append(t) if isinstance(t, Tensor) else t, value)
        linked = iter(_Linked.apply(sandbox, reply["call"], outputs, *leaves))
        value = tree_map(lambda t: next(linked) if isinstance(t, Tensor) else t, value)
    return value


class _Linked(torch.autograd.Function):
    """Ties a call's outputs to what went into it, so that gradients find their way."""

    @staticmethod
    def forward(
        ctx: Any, sandbox: Sandbox, call: int, outputs: list[Tensor], *leaves: Tensor
    ) -> tuple[Tensor, ...]:
        """Give the outputs as they are."""
        ctx.sandbox, ctx.call = sandbox, call
        ctx.shapes = [leaf.shape for leaf in leaves]
        made = tuple(output.detach() for output in outputs)
        ctx.mark_non_differentiable(
            *[new for new, old in zip(made, outputs) if not old.requires_grad]
        )
        return made

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Any, ...]:
        """Ask the sandbox to carry them back."""
        reply = ctx.sandbox.ask(
            "backward",
            "The gradient",
            call=ctx.call,
            gradients=list(gradients),
        )
        found = _received(ctx.sandbox, reply, "gradient")
        if not isinstance(found, list) or len(found) != len(ctx.shapes):
            raise TypeError("gradients that fit nothing came back")
        for gradient, shape in zip(found, ctx.shapes):
            if gradient is not None and gradient.shape != shape:
                raise TypeError("a gradient of another shape came back")
        return (None, None, None, *found)


def _received(sandbox: Sandbox, reply: dict[str, Any], name: str) -> Any:
    """Raise what was raised there, or give the value, its objects as `Remote`s."""
    raised = reply.get("raised")
    if isinstance(raised, dict):
        raise _rebuilt(raised)
    return _alive(sandbox, reply.get("value"), name)


def _alive(sandbox: Sandbox, value: Any, name: str) -> Any:
    if isinstance(value, Held):
        if value.state is not None:
            return RemoteModule(sandbox, value.handle, name, value.state)
        if value.kind == "module":  # its __init__ does not call nn.Module's
            return nn.Module.__new__(nn.Module)
        return Remote(sandbox, value.handle, name)
    if isinstance(value, list):
        return [_alive(sandbox, item, name) for item in value]
    if isinstance(value, tuple):
        return tuple(_alive(sandbox, item, name) for item in value)
    if isinstance(value, dict):
        return {key: _alive(sandbox, item, name) for key, item in value.items()}
    return value


def _rebuilt(raised: dict[str, Any]) -> Exception:
    """Make the exception that a student's code raised, if Python has its class.

    Its `line` says where in the student's code it came from.
    """
    kind = getattr(builtins, str(raised.get("kind")), None)
    if not (isinstance(kind, type) and issubclass(kind, Exception)):
        kind = type(str(raised.get("kind")), (Exception,), {})
    try:
        error = kind(str(raised.get("text")))
    except TypeError:  # UnicodeDecodeError and the like want more
        error = RuntimeError(str(raised.get("text")))
    error.line = str(raised.get("line"))
    return error


__all__ = ["Foreign", "InPlace", "NotDefined", "Remote", "RemoteModule", "fetch"]
