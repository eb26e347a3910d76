"""Rules for operations that keep some elements and drop others, by a constant mask.

Importing this module adds them to `field_rules.RULES`.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from simseg_core.probes.field.arithmetic.taps import EMPTY
from simseg_core.probes.field.arithmetic.terms import Term, unite
from simseg_core.probes.field.rules.registry import (
    Call,
    Field,
    UnknownOperationError,
    both,
    fitted,
    pointwise,
    rule,
)

__all__ = ["hides_keys"]

SHUT = -1e30  # a score that softmax turns into exactly 0


def kept(call: Call, value: Any, mask: NDArray[np.bool_]) -> Field:
    """Field of an argument where `mask` is true; nothing is read elsewhere."""
    if not isinstance(value, Tensor) or not call.fields(value):
        return (), ()
    field = fitted(call, value, call.shape)
    if mask.all():
        return field
    mask = mask.reshape((1,) * (len(call.shape) - mask.ndim) + mask.shape)

    def change(term: Term) -> Term:
        data = np.where(mask, term.whole().data, EMPTY)
        return Term(data, term.over, None)

    rows, columns = field
    return unite(map(change, rows)), unite(map(change, columns))


def hides_keys(call: Call, value: Any) -> bool:
    """Whether a constant holds scores so low that softmax leaves their keys out."""
    if isinstance(value, Tensor):
        known = value.is_floating_point() and call["values"](value)
        return known is not False and known is not None and bool((known < SHUT).any())
    return isinstance(value, int | float) and value < SHUT


def chosen(call: Call, condition: Any, yes: Any, no: Any) -> Field:
    """Take `yes` where the condition holds and `no` elsewhere."""
    if call.fields(condition):
        return pointwise(call)
    known = call["values"](condition)
    if known is None:
        raise UnknownOperationError("the mask's values are not known here")
    mask = known.astype(bool)
    taken = mask.any(), not mask.all()
    if any(hides_keys(call, v) and t for v, t in zip((yes, no), taken)):
        raise UnknownOperationError("it leaves keys out of an attention")
    return both(kept(call, yes, mask), kept(call, no, ~mask))


@rule("where")
def where(call: Call) -> Field:
    """Choose by a mask; one that the image makes is read, too."""
    return chosen(call, call["condition"], call["self"], call["other"])


@rule("masked_fill", "masked_fill_")
def masked_fill(call: Call) -> Field:
    """Overwrite where the mask is true."""
    return chosen(call, call["mask"], call["value"], call["self"])


@rule("tril", "triu")
def triangle(call: Call) -> Field:
    """Keep what is on or below (above) a diagonal of the last two dimensions."""
    cut = np.tril if call.name == "tril" else np.triu
    ones = np.ones(call.shape[-2:], dtype=bool)
    return kept(call, call["self"], cut(ones, call["diagonal"]))


@rule("add", "add_", "sub", "sub_")
def add(call: Call) -> Field:
    """Add; scores of minus infinity would leave keys out of an attention."""
    if any(hides_keys(call, call[n]) for n in ("self", "other")):
        raise UnknownOperationError("it leaves keys out of an attention")
    return pointwise(call)
