"""Runs inside the sandbox: the student's cells, and what tests ask of their answers.

Requests come over standard input and replies go over standard output; before the
student's code runs, both are moved away, and what it prints goes nowhere. The student's
code shares this process, and can do with it what it likes: all that it can send are
answers, and it is the tests outside that judge them.
"""

import importlib.abc
import importlib.machinery
import os
import resource
import sys
import traceback
from collections.abc import Sequence
from typing import Any, BinaryIO

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from teach.grading.sandbox.wire import LENGTHS, Held, pack, unpack

# The package's own networks, and what is made of them: an answer is the student's own.
ABSENT = ("convert", "exercises", "models", "runs")
CALLS = 16  # so many are kept for a backward pass


class _Absent(importlib.abc.MetaPathFinder):
    """Refuses the package's own networks where the disk still has them."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: Any = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Raise for what is not there; know nothing of anything else."""
        owner, _, rest = name.partition(".")
        if owner == "simseg_core" and rest.partition(".")[0] in ABSENT:
            raise ModuleNotFoundError(f"{name} is not there where answers are run")
        return None


class Worker:
    """The student's program and the objects in it that tests hold on to."""

    def __init__(self) -> None:
        from IPython.core.interactiveshell import InteractiveShell
        from traitlets.config import Config

        config = Config()
        config.HistoryManager.enabled = False
        config.InteractiveShell.colors = "NoColor"
        self._shell = InteractiveShell.instance(config=config)
        vars(self._shell)["ask_exit"] = _leave  # what `exit()` calls
        self._held: dict[int, Any] = {}
        self._calls: dict[int, tuple[list[Tensor], list[Tensor]]] = {}
        self._next = 0

    def reply(self, request: dict[str, Any]) -> dict[str, Any]:
        """Do what is asked, and say what came of it or what was raised."""
        try:
            return getattr(self, f"do_{request['do']}")(**request["with"])
        except (Exception, SystemExit, KeyboardInterrupt) as error:
            return {"raised": _described(error)}

    def do_run(self, code: str, name: str) -> dict[str, Any]:
        """Run a cell."""
        ran = self._shell.run_cell(code, store_history=False, cell_id=name)
        error = ran.error_before_exec or ran.error_in_exec
        return {"raised": _described(error)} if error else {}

    def do_get(self, name: str) -> dict[str, Any]:
        """Give what a name stands for."""
        names = self._shell.user_ns
        return {"value": names[name]} if name in names else {"missing": True}

    def do_call(
        self,
        handle: int,
        args: list[Any],
        kwargs: dict[str, Any],
        state: dict[str, Tensor] | None,
        training: bool,
        grad_enabled: bool,
        wants_gradients: bool,
    ) -> dict[str, Any]:
        """Call a function, a class or a module.

        Args:
            handle: The object's number.
            args: Arguments by place.
            kwargs: And by name.
            state: Of a module: its tensors' values.
            training: Of a module: its mode.
            grad_enabled: Whether torch is to note operations, as it does by default.
            wants_gradients: Whether a backward pass may follow.
        """
        called = self._held[handle]
        # As in the tests: in a student's kernel both would be another.
        torch.set_default_dtype(torch.float32)
        leaves = [value for value in args if isinstance(value, Tensor)]
        if state is not None:
            called.train(training)
            own = dict(called.named_parameters()) | dict(called.named_buffers())
            for name, value in state.items():
                own[name].data = value.detach()
                own[name].grad = None
            leaves += [own[name] for name in state]
        before = [v.detach().clone() if isinstance(v, Tensor) else v for v in args]
        before = [list(v) if isinstance(v, list) else v for v in before]
        with torch.set_grad_enabled(grad_enabled):
            value = called(*args, **kwargs)
        reply: dict[str, Any] = {"value": value}
        if state is not None:
            reply["buffers"] = dict(called.named_buffers())
        reply["changed"] = any(map(_differs, args, before))
        outputs = _tensors_in(value)
        if wants_gradients and any(output.requires_grad for output in outputs):
            reply["call"] = self._next = self._next + 1
            self._calls[self._next] = (outputs, leaves)
            self._calls.pop(self._next - CALLS, None)
        return reply

    def do_backward(self, call: int, gradients: list[Tensor | None]) -> dict[str, Any]:
        """Carry gradients of a call's outputs back to what went into it."""
        outputs, leaves = self._calls[call]
        pairs = [
            (output, gradient)
            for output, gradient in zip(outputs, gradients, strict=True)
            if output.requires_grad and gradient is not None
        ]
        asked = [leaf for leaf in leaves if leaf.requires_grad]
        found = torch.autograd.grad(
            [output for output, _ in pairs],
            asked,
            [gradient for _, gradient in pairs],
            allow_unused=True,
            retain_graph=True,
        )
        given = iter(found)
        return {"value": [next(given) if t.requires_grad else None for t in leaves]}

    def keep(self, value: Any) -> Any:
        """Hold on to a module or function, so that it can be called from outside."""
        if not callable(value):
            return value
        handle = len(self._held)
        self._held[handle] = value
        state = None
        if isinstance(value, nn.Module) and "_parameters" in vars(value):
            saved = set(value.state_dict())
            state = {
                "tensors": {
                    name: {
                        "value": None if is_lazy(tensor) else tensor.detach(),
                        "learned": isinstance(tensor, nn.Parameter),
                        "trains": tensor.requires_grad,
                        "saved": name in saved,
                    }
                    for name, tensor in [
                        *value.named_parameters(),
                        *value.named_buffers(),
                    ]
                },
                "unseen": unseen_layers(value),
            }
        return Held(handle, _kind(value), state)


def unseen_layers(module: nn.Module) -> list[str]:
    """Name the attributes that keep layers in a plain list or dictionary."""
    known, found = set(module.modules()), []
    for place, owner in module.named_modules():
        for name, kept in vars(owner).items():
            items = list(kept.values()) if isinstance(kept, dict) else kept
            if name.startswith("_") or not isinstance(items, list | tuple):
                continue
            if {item for item in items if isinstance(item, nn.Module)} - known:
                found.append(f"{place}.{name}".lstrip("."))
    return found


def _leave() -> None:
    sys.exit("the notebook calls exit()")


def _kind(value: Any) -> str:
    if isinstance(value, type):
        return "class"
    return "module" if isinstance(value, nn.Module) else "function"


def _tensors_in(value: Any) -> list[Tensor]:
    if isinstance(value, Tensor):
        return [value]
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list | tuple):
        return [tensor for item in value for tensor in _tensors_in(item)]
    return []


def _differs(value: Any, was: Any) -> bool:
    if isinstance(value, Tensor):
        return value.shape != was.shape or not torch.equal(
            value.detach().nan_to_num(), was.nan_to_num()
        )
    return isinstance(value, list) and value != was


def _described(error: BaseException) -> dict[str, str]:
    """Name an error, what it says, and the student's line that it came from."""
    line = ""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if "ipykernel_" in frame.filename or frame.filename.startswith(
            "<ipython-input"
        ):
            inside = "" if frame.name == "<module>" else f" of {frame.name}"
            shown = f": `{frame.line[:85]}`" if frame.line else ""
            line = f" (line {frame.lineno}{inside}{shown})"
            break
    if isinstance(error, SyntaxError) and not line:
        line = f" (line {error.lineno}: `{(error.text or '').strip()[:85]}`)"
    said = str(error.msg) if isinstance(error, SyntaxError) else str(error)
    text = "\n".join(said.strip().splitlines()[:1])
    return {"kind": type(error).__name__, "text": text[:500], "line": line}


def _limit(memory: int, file: int) -> None:
    """Lower what this process and its children may use; nothing can raise it again.

    Not how many there are: the system would count all that the teacher runs.
    """
    wanted = {
        resource.RLIMIT_DATA: memory,
        resource.RLIMIT_FSIZE: file,
        resource.RLIMIT_CORE: 0,
    }
    for what, most in wanted.items():
        _, hard = resource.getrlimit(what)
        if hard != resource.RLIM_INFINITY:
            most = min(most, hard)
        resource.setrlimit(what, (most, most))


def _read(pipe: BinaryIO) -> dict[str, Any] | None:
    head = pipe.read(LENGTHS.size)
    if len(head) < LENGTHS.size:
        return None
    return unpack(head + pipe.read(sum(LENGTHS.unpack(head))))


def main() -> None:
    """Serve requests until there are no more."""
    memory, file = (int(word) for word in sys.argv[1:3])
    requests, replies = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(nowhere, standard)
    torch.set_num_threads(1)
    sys.meta_path.insert(0, _Absent())
    worker = Worker()
    _limit(memory, file)
    reply: dict[str, Any] = {"ready": True}
    while True:
        try:
            data = pack(reply, worker.keep)
        except (Exception, SystemExit) as error:  # a repr of theirs may raise
            data = pack({"raised": _described(error)})
        replies.write(data)
        replies.flush()
        request = _read(requests)
        if request is None:
            break
        reply = worker.reply(request)


if __name__ == "__main__":
    main()
