"""Find the network that a command line names, and the size of its image."""

import importlib
import inspect
import os
import sys
import traceback
from argparse import Namespace
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from simseg_core.cli.values import Mistake, nearest
from simseg_core.models.presets import CLASSIFICATION, TABLE
from simseg_core.models.zoo import create_model

__all__ = ["Network", "find", "size_text", "where"]

# The input (C, H, W) and the classes of the networks that have no usual ones.
_OWN = {"unet": ((1, 572, 572), 2), "fchardnet70": ((3, 1024, 2048), 19)}
_USUAL = {True: ((3, 224, 224), 1000), False: ((3, 512, 512), 21)}


@dataclass(frozen=True)
class Network:
    """A network ready to be probed.

    Attributes:
        name: as it was asked for.
        model: on the CPU.
        input_size: (B, C, H, W).
    """

    name: str
    model: nn.Module
    input_size: tuple[int, ...]


def size_text(size: tuple[int, ...]) -> str:
    """Write a size as --input takes it.

    >>> size_text((1, 3, 64, 64))
    '1x3x64x64'
    """
    return "x".join(map(str, size))


def find(name: str, given: Namespace, size: tuple[int, ...] | None = None) -> Network:
    """Build the network of a name.

    Args:
        name: of the book, or module:name.
        given: the arguments of the command.
        size: (B, C, H, W) of the image; None takes --input, or what suits the network.

    Raises:
        Mistake: if there is no such network, or it cannot be built so.
    """
    if size is None and given.input:
        size = (1, *given.input)[-4:]
    return _of_the_book(name, given, size) if name in TABLE else _own(name, given, size)


def _of_the_book(name: str, given: Namespace, size: tuple[int, ...] | None) -> Network:
    usual, classes = _OWN.get(name) or _USUAL[TABLE[name].task == CLASSIFICATION]
    channels = given.in_channels or (size[1] if size else usual[0])
    if size and size[1] != channels:
        raise Mistake(
            f"--input {size_text(size)} has {size[1]} channels and --in-channels says "
            f"{channels}: leave --in-channels out"
        )
    options = dict(given.option)
    for key in ("in_channels", "num_classes", "preset"):
        if key in options:
            word = "--" + key.replace("_", "-")
            raise Mistake(f"{key} is no --option: write {word} {options[key]}")
    try:
        model = create_model(
            name,
            preset=given.preset or "paper",
            in_channels=channels,
            num_classes=given.num_classes or classes,
            **options,
        )
    except Exception as error:
        raise Mistake(f"{name} cannot be built: {error}") from error
    return Network(name, model, size or (1, channels, *usual[1:]))


def _own(name: str, given: Namespace, size: tuple[int, ...] | None) -> Network:
    for word in ("preset", "num_classes", "in_channels"):
        if getattr(given, word) is not None:
            raise Mistake(
                f"--{word.replace('_', '-')} is for networks of the book, not for "
                f"{name}: pass what it takes by --option key=value"
            )
    made = _call(name, _attribute(name), dict(given.option))
    if not isinstance(made, nn.Module):
        raise Mistake(
            f"{name} gives {_article(made)}, not an nn.Module: name a function or a "
            "class that returns the network, or the network itself"
        )
    first = next((m for m in made.modules() if isinstance(m, nn.Conv2d)), None)
    return Network(name, made, size or (1, first.in_channels if first else 3, 224, 224))


def _attribute(name: str) -> Any:
    """Import a module and take what stands behind the colon."""
    module_name, _, path = name.partition(":")
    if not {"", os.getcwd()} & set(sys.path):
        sys.path.insert(0, os.getcwd())
    try:
        found: Any = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        missing = str(error.name)
        if module_name == missing or module_name.startswith(f"{missing}."):
            raise Mistake(
                f"no module {missing!r}: run in the folder that holds it, or install it"
            ) from error
        raise Mistake(
            f"importing {module_name} failed: {error}{where(error)}"
        ) from error
    except (Exception, SystemExit) as error:
        raise Mistake(
            f"importing {module_name} failed: {type(error).__name__}: {error}"
            f"{where(error)}"
        ) from error
    place = module_name
    for part in path.split("."):
        if not hasattr(found, part):
            known = [known for known in dir(found) if not known.startswith("_")]
            raise Mistake(f"{place} has no {part!r}: {nearest(part, known)}")
        found, place = getattr(found, part), f"{place}:{part}"
    return found


def _call(name: str, found: Any, options: dict[str, Any]) -> Any:
    if isinstance(found, nn.Module) or not callable(found):
        if options and isinstance(found, nn.Module):
            raise Mistake(f"{name} is a network already: leave --option out")
        return found
    try:
        inspect.signature(found).bind(**options)
    except TypeError as error:
        raise Mistake(
            f"{name} cannot be called so: {error}; pass arguments by --option "
            "key=value, or name a function that needs none"
        ) from error
    except ValueError:
        pass  # a callable that tells no signature: the call will say
    try:
        return found(**options)
    except (Exception, SystemExit) as error:
        raise Mistake(
            f"building {name} failed: {type(error).__name__}: {error}{where(error)}"
        ) from error


def where(error: BaseException) -> str:
    """Name the last line of the reader's own code that an error passed through."""
    here, own = Path(__file__).parents[1], Path.cwd()
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        path = Path(frame.filename)
        installed = "site-packages" in path.parts or path.is_relative_to(here)
        if path.is_relative_to(own) and not installed:
            return f" ({path.relative_to(own)}, line {frame.lineno})"
    return ""


def _article(value: Any) -> str:
    name = type(value).__name__
    return f"an {name}" if name[0].lower() in "aeiou" else f"a {name}"
