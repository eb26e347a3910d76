"""The steps of a check: each is noted as right, or ends the check with a hint.

An exercise is a function that takes the reader's answer and a `Steps` object, and
walks from the easy to the hard. Its docstring's first line is its title, as in the
chapter.
"""

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from itertools import islice
from numbers import Real
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parameter import UninitializedParameter

from simseg_core.exercises.bench.patience import Stopwatch
from simseg_core.exercises.bench.reader import describe


class NotYet(Exception):
    """A step that does not hold; the message is the hint."""


@dataclass
class Steps:
    """The steps of one check that hold so far, and the time of the one in hand.

    Attributes:
        right: What holds so far, as the reader will see it.
        watch: Times each call of the reader's code by itself.
    """

    right: list[str] = field(default_factory=list)
    watch: Stopwatch = field(default_factory=Stopwatch)

    def call(self, answer: Callable[..., Any], *args: Any, named: str) -> Any:
        """Call the reader's code; an exception of theirs becomes a hint.

        Args:
            answer: The reader's function, class or module.
            *args: What to call it with; tensors and lists are copied first.
            named: The call as hints name it, such as `"center_crop(x, 4, 6)"`.

        Returns:
            What it returns; of a generator, a list of what it yields.
        """
        if not callable(answer):
            raise NotYet(
                f"The check calls your answer itself, as {named}, and got "
                f"{_kind(answer)}: hand over the name alone, without calling it."
            )
        copies = [
            deepcopy(arg) if isinstance(arg, list) else _cloned(arg) for arg in args
        ]
        self.watch.start(named)
        try:
            value = answer(*copies)
            if isinstance(value, Iterator):
                value = list(islice(value, 100_000))
        except NotYet:
            raise
        except (Exception, SystemExit) as error:
            raise NotYet(f"{named} raises {describe(error)}") from error
        finally:
            self.watch.start()
        if value is None:
            raise NotYet(f"{named} returns None: is there a return, on every path?")
        for place, (copy, arg) in enumerate(zip(copies, args)):
            if isinstance(arg, Tensor | list) and not same(copy, arg):
                raise NotYet(
                    f"{named} changes its input{_name(answer, place)} in place, and "
                    "who called still needs it: make something new instead."
                )
        return value

    def build(self, answer: Callable[..., Any], *args: Any, named: str) -> nn.Module:
        """Make a module of the reader's class, its layers known to PyTorch.

        Args:
            answer: The reader's class.
            *args: What to make the module with.
            named: The call as hints name it, such as `"UpStep(8, 4)"`.
        """
        if isinstance(answer, nn.Module):
            raise NotYet(
                "That is one module already made. The check makes its own, as "
                f"{named}: hand over the class itself."
            )
        module = self.call(answer, *args, named=named)
        if not isinstance(module, nn.Module):
            raise NotYet(
                f"{named} should make an nn.Module, and makes {_kind(module)}: does "
                "your class inherit nn.Module?"
            )
        if "_parameters" not in vars(module):
            raise NotYet("Begin __init__ with super().__init__().")
        known = set(module.modules())
        for owner in known:
            for name, kept in vars(owner).items():
                if not name.startswith("_") and set(_modules_in(kept)) - known:
                    raise NotYet(
                        f"self.{name} keeps layers where PyTorch does not see them, "
                        "and so does not train them: use nn.ModuleList or "
                        "nn.ModuleDict."
                    )
        if any(isinstance(p, UninitializedParameter) for p in module.parameters()):
            raise NotYet(
                "A lazy layer has no weights before its first call: name its input "
                "channels."
            )
        return module

    def numbers(
        self,
        got: object,
        should: str,
        *,
        count: int | None = None,
        whole: bool = True,
    ) -> list[Any]:
        """Read a list of numbers, whatever holds them.

        Args:
            got: The reader's list, tuple, array, tensor, ...
            should: The hint for anything else.
            count: How many there are; None for any number of them.
            whole: Whether each is a whole number.
        """
        if isinstance(got, Tensor | np.ndarray):
            got = got.tolist()
        if isinstance(got, str | bytes) or not isinstance(got, Iterable):
            raise NotYet(should)
        read: list[Any] = [_plain(item) for item in got]
        fits = count in (None, len(read)) and all(
            isinstance(item, Real) and (not whole or item == item // 1) for item in read
        )
        if not fits:
            raise NotYet(should)
        return [int(item) if item == item // 1 else float(item) for item in read]

    def require(self, holds: bool, what: str, *, hint: str) -> None:
        """Note `what` as right, or end the check with the hint."""
        if not holds:
            raise NotYet(hint)
        self.right.append(what)

    def equal(
        self,
        got: object,
        wanted: object,
        what: str,
        *,
        hint: str,
        mistakes: Mapping[str, object] | Iterable[tuple[str, object]] = (),
    ) -> None:
        """Compare with the reference, then with what known mistakes would give.

        Args:
            got: The reader's result.
            wanted: The reference's.
            what: What is right when the two agree.
            hint: The hint when no known mistake fits; what the result is (its kind,
                its shape, its value if it is short) is added.
            mistakes: Hint -> the result that this mistake gives; pairs of both where
                one hint fits several.
        """
        got = _plain(got)
        if not same(got, wanted):
            pairs = mistakes.items() if isinstance(mistakes, Mapping) else mistakes
            for fitting, wrong in pairs:
                if same(got, wrong):
                    raise NotYet(fitting)
            raise NotYet(_difference(got, wanted, hint))
        self.right.append(what)


Exercise = Callable[[Any, Steps], None]


def same(got: object, wanted: object) -> bool:
    """Say whether two results agree, up to what float32 rounds."""
    if isinstance(got, Tensor) and isinstance(wanted, Tensor):
        if got.shape != wanted.shape or got.is_meta or got.is_complex():
            return False
        one, other = (t.detach().cpu().double() for t in (got, wanted))
        return torch.allclose(one, other, rtol=1e-4, atol=1e-5)
    if isinstance(got, Tensor) or isinstance(wanted, Tensor):
        return False
    return bool(got == wanted)


def _cloned(arg: Any) -> Any:
    return arg.clone() if isinstance(arg, Tensor) else arg


def _plain(value: object) -> object:
    """Turn an array into a tensor, and a tensor without axes into a number."""
    if isinstance(value, np.ndarray) and value.dtype.kind in "biuf":
        value = torch.as_tensor(value)
    if isinstance(value, Tensor | np.generic) and value.ndim == 0:
        return value if isinstance(value, Tensor) and value.is_meta else value.item()
    return value


def _kind(value: object) -> str:
    name = type(value).__name__
    return f"{'an' if name[0].lower() in 'aeio' else 'a'} {name}"


def _difference(got: object, wanted: object, hint: str) -> str:
    """Add to a hint what the reader's result is."""
    if isinstance(wanted, Tensor):
        if not isinstance(got, Tensor):
            return f"Wanted is a tensor, yours is {_kind(got)}. {hint}"
        if got.shape != wanted.shape:
            shapes = tuple(wanted.shape), tuple(got.shape)
            return f"Wanted is the shape {shapes[0]}, yours is {shapes[1]}. {hint}"
        return hint
    if isinstance(wanted, Real) and not isinstance(got, Real):
        return f"Wanted is one number, yours is {_kind(got)}. {hint}"
    shown = repr(got)
    return f"{hint} Yours is {shown}." if len(shown) <= 120 else hint


def _name(answer: Callable[..., Any], place: int) -> str:
    """Give the reader's name of an argument."""
    called = answer.forward if isinstance(answer, nn.Module) else answer
    try:
        names = list(inspect.signature(called).parameters.values())
        positional = names[place].kind is not inspect.Parameter.VAR_POSITIONAL
        return f" `{names[place].name}`" if positional else ""
    except (IndexError, TypeError, ValueError):
        return ""


def _modules_in(value: object) -> Iterator[nn.Module]:
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list | tuple):
        yield from (item for item in value if isinstance(item, nn.Module))
