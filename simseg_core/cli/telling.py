"""How a command on runs and data tells what went wrong: one line, with the remedy."""

from collections.abc import Iterator
from contextlib import contextmanager

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
        yield
    except ImportError as error:
        name = (error.name or "").partition(".")[0]
        if name not in _EXTRA:
            raise
        raise Mistake(
            f'{name} is not installed: pip install "simseg-core[train]"'
        ) from error
    except (ValueError, TypeError, OSError, FloatingPointError) as error:
        raise Mistake(str(error)) from error
