"""How an answer is checked: the steps of an exercise, their hints, and the verdict.

An exercise is a function that takes the reader's answer and a `Steps` object, and
walks from the easy to the hard: each step either holds, and is told to the reader as
right, or ends the check with its hint.
"""

import difflib
import dis
import inspect
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from types import FunctionType
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

Filled = TypeVar("Filled", bound=nn.Module)

# Chapter number -> the module here that holds its exercises.
CHAPTERS = {
    "01": "self_attention",
    "02": "cbam",
    "03": "unet",
    "04": "atrous",
    "05": "deeplabv3plus",
    "06": "fchardnet",
}

# What a body of `...`, `pass` or a docstring alone compiles to.
_EMPTY_BODY = {"RESUME", "LOAD_CONST", "RETURN_CONST", "RETURN_VALUE", "NOP", "POP_TOP"}


@dataclass(frozen=True)
class Result:
    """What a check found.

    Attributes:
        exercise: Number and title.
        status: `"right"`, `"not yet"` or `"not attempted"`.
        right: What holds so far, in the order of the steps.
        hint: What to look at next; None unless the status is `"not yet"`.
    """

    exercise: str
    status: str
    right: tuple[str, ...] = ()
    hint: str | None = None

    def __str__(self) -> str:
        if self.status == "not attempted":
            return f"{self.exercise}: not attempted yet."
        lines = [f"{self.exercise}: {self.status}."]
        lines += [f"  right: {step}" for step in self.right]
        if self.hint:
            lines.append(f"  hint:  {self.hint}")
        return "\n".join(lines)

    __repr__ = __str__


class NotYet(Exception):
    """A step that does not hold; the message is the hint."""


@dataclass
class Steps:
    """The steps of one check that hold so far."""

    right: list[str] = field(default_factory=list)

    def call(self, answer: Callable[..., Any], *args: Any, told: str) -> Any:
        """Call the reader's code; an exception of theirs becomes a hint.

        Args:
            answer: The reader's function, class or module.
            *args: What to call it with; tensors are copied first.
            told: How the hint names the call, such as `"center_crop(x, 4, 6)"`.
        """
        copies = [arg.clone() if isinstance(arg, Tensor) else arg for arg in args]
        try:
            value = answer(*copies)
        except NotYet:
            raise
        except Exception as error:
            raise NotYet(
                f"{told} raises {type(error).__name__}: {str(error).splitlines()[0]}"
                if str(error)
                else f"{told} raises {type(error).__name__}"
            ) from error
        if value is None:
            raise NotYet(f"{told} returns None: is there a return?")
        return value

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
        mistakes: Mapping[str, object] | None = None,
    ) -> None:
        """Compare with the reference, then with what known mistakes would give.

        Args:
            got: The reader's result.
            wanted: The reference's.
            what: What is right when the two agree.
            hint: The hint when no known mistake fits.
            mistakes: Hint -> the result that this mistake gives.
        """
        if not _same(got, wanted):
            for fitting, wrong in (mistakes or {}).items():
                if _same(got, wrong):
                    raise NotYet(fitting)
            raise NotYet(hint)
        self.right.append(what)


Exercise = Callable[[Any, Steps], None]


def check(exercise: str, answer: Any) -> Result:
    """Check an answer and say how far it is right.

    Args:
        exercise: The exercise's number, such as `"03.2"`.
        answer: What the exercise asks for: a function, a class or a value.

    Returns:
        A `Result`, which a notebook shows as text.

    Raises:
        ValueError: No exercise has this number; the message says which have.

    >>> check("03.1", None)
    03.1 Predict the output's size: not attempted yet.
    """
    known = list_exercises()
    if exercise not in known:
        near = difflib.get_close_matches(str(exercise), known, n=1, cutoff=0.0)
        raise ValueError(
            f"no exercise is called {exercise!r}: did you mean {near[0]!r}? "
            f"There are {', '.join(known)}."
        )
    steps, title = Steps(), f"{exercise} {known[exercise]}"
    if is_untouched(answer):
        return Result(title, "not attempted")
    state = torch.get_rng_state()
    try:
        torch.manual_seed(0)
        _exercises(exercise[:2])[exercise](answer, steps)
    except NotYet as missing:
        return Result(title, "not yet", tuple(steps.right), str(missing))
    finally:
        torch.set_rng_state(state)
    return Result(title, "right", tuple(steps.right))


def list_exercises() -> dict[str, str]:
    """Give every exercise's title by its number.

    >>> list_exercises()["03.2"]
    'Crop the centre'
    """
    return {
        number: str(inspect.getdoc(exercise)).splitlines()[0].rstrip(".")
        for chapter in CHAPTERS
        for number, exercise in _exercises(chapter).items()
    }


def _exercises(chapter: str) -> dict[str, Exercise]:
    module = import_module(f"simseg_core.exercises.{CHAPTERS[chapter]}")
    return module.EXERCISES


def is_untouched(answer: Any) -> bool:
    """Say whether an answer is still the stub that the chapter shows.

    A stub is None, `...`, a function with an empty body, or a module class whose
    `forward` has one. A function that computes and forgets to return is not a stub.
    """
    if isinstance(answer, nn.Module):
        answer = type(answer)
    if isinstance(answer, type) and issubclass(answer, nn.Module):
        answer = answer.forward
    if isinstance(answer, FunctionType):
        code = list(dis.get_instructions(answer))
        loaded = {step.argval for step in code if "CONST" in step.opname}
        return loaded <= {None, ...} and all(s.opname in _EMPTY_BODY for s in code)
    return answer is None or answer is ...


def fill(module: Filled) -> Filled:
    """Give a module random weights and statistics that follow from their names alone.

    Tensors of one shape and last name (`weight`, `running_var`, ...) get the same
    values, so that two modules which define their layers in another order, or under
    other names, can be compared without knowing which layer is which.

    Args:
        module: The module to fill, in place; it is put into evaluation mode.

    Returns:
        The module.
    """
    with torch.no_grad():
        for name, tensor in module.state_dict().items():
            if not tensor.is_floating_point():
                continue
            leaf = name.rpartition(".")[2]
            seed = zlib.crc32(f"{leaf} {tuple(tensor.shape)}".encode())
            noise = torch.randn(
                tensor.shape, generator=torch.Generator().manual_seed(seed)
            )
            fan_in = max(1, tensor[0].numel()) if tensor.dim() > 1 else 1
            scaled = noise * (2.0 / fan_in) ** 0.5
            positive = leaf == "running_var" or (tensor.dim() == 1 and leaf == "weight")
            tensor.copy_(scaled.abs() + 0.5 if positive else scaled)
    return module.eval()


def _same(got: object, wanted: object) -> bool:
    if isinstance(got, Tensor) and isinstance(wanted, Tensor):
        return got.shape == wanted.shape and torch.allclose(
            got.double(), wanted.double(), rtol=1e-4, atol=1e-5
        )
    if isinstance(got, Tensor) or isinstance(wanted, Tensor):
        return False
    return got == wanted
