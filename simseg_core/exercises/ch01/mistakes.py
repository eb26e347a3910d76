"""Mistakes that exercises of chapter 01 share, and their hints."""

from collections.abc import Iterator

from torch import Tensor

OVER_QUERIES = (
    "The softmax runs over the queries: the weights that one query gives to all keys "
    "must sum to 1."
)
SCALED = "The scores are divided by the root of their width: SAGAN leaves them as is."
NO_SOFTMAX = "The scores are used as they are: equation 1 takes their softmax."
OVER_BATCH = "The softmax runs over the batch: name the axis of the keys, dim=-1."
OVER_ALL = "The softmax runs over the whole map: each query's weights sum to 1 alone."
SCALED_AGAIN = "The scores are divided by something: SAGAN leaves them as they are."
NOT_NORMAL = "The weights of one query do not sum to 1: take a softmax over the keys."
TRANSPOSED = "The map is transposed before the values: its rows belong to the queries."
ROLES = "Queries and keys have changed places: the output has a row for each query."


def slips(query: Tensor, key: Tensor, value: Tensor) -> Iterator[tuple[str, Tensor]]:
    """Give what each known slip attends to; those that need N = M if it is so."""
    scores = query @ key.mT
    yield OVER_QUERIES, scores.softmax(-2) @ value
    yield SCALED, (scores / query.shape[-1] ** 0.5).softmax(-1) @ value
    yield NO_SOFTMAX, scores @ value
    yield OVER_BATCH, scores.softmax(0) @ value
    yield OVER_ALL, scores.flatten(1).softmax(1).view_as(scores) @ value
    yield SCALED_AGAIN, (scores / key.shape[1] ** 0.5).softmax(-1) @ value
    yield SCALED_AGAIN, (scores / query.shape[-1]).softmax(-1) @ value
    yield NOT_NORMAL, scores.exp() @ value
    yield NOT_NORMAL, scores.sigmoid() @ value
    if query.shape[1] == key.shape[1]:
        yield TRANSPOSED, scores.softmax(-1).mT @ value
        yield ROLES, scores.mT.softmax(-1) @ value
