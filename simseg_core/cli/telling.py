"""How a command on runs tells what went wrong: one line, with the remedy."""

from collections.abc import Iterator
from contextlib import contextmanager

from simseg_core.cli.data import data_mistakes
from simseg_core.cli.values import Mistake

__all__ = ["telling"]

_EXTRA = ("accelerate", "safetensors", "tensorboard")


@contextmanager
def telling() -> Iterator[None]:
    """Make a mistake of every error whose message is meant for the user.

    Raises:
        Mistake: with the error's words; for a missing package, how to install it.
    """
    try:
        with data_mistakes():
            yield
    except Mistake as mistake:
        missing = getattr(mistake.__cause__, "name", None) or ""
        name = missing.partition(".")[0]
        if isinstance(mistake.__cause__, ImportError) and name in _EXTRA:
            raise Mistake(
                f'{name} is not installed: pip install "simseg-core[train]"'
            ) from mistake.__cause__
        raise
    except FloatingPointError as error:
        raise Mistake(str(error)) from error
