"""The self-attention chapter's exercises: stub, solution, typical wrong answers."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from simseg_core.exercises import check, list_exercises

# --- 01.1 ------------------------------------------------------------------------


def positions(x: Tensor) -> Tensor:
    rows = [x[:, :, i, j] for i in range(x.shape[2]) for j in range(x.shape[3])]
    return torch.stack(rows, dim=1)


def positions_by_reshape_alone(x: Tensor) -> Tensor:
    B, C, H, W = x.shape
    return x.reshape(B, H * W, C)


def positions_channels_first(x: Tensor) -> Tensor:
    return x.flatten(start_dim=2)


def positions_down_the_columns(x: Tensor) -> Tensor:
    return x.transpose(1, 3).flatten(1, 2)


def positions_of_all_images(x: Tensor) -> Tensor:
    return x.permute(0, 2, 3, 1).reshape(-1, x.shape[1])


def positions_forgets_return(x: Tensor) -> None:
    x.flatten(2).transpose(1, 2)


# --- 01.2 ------------------------------------------------------------------------


def attend(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    weights = torch.einsum("bnd,bmd->bnm", query, key).exp()
    return (weights / weights.sum(2, keepdim=True)) @ value


def attend_over_queries(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    return torch.bmm(F.softmax(torch.bmm(query, key.mT), dim=1), value)


def attend_scaled(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    return F.scaled_dot_product_attention(query, key, value)


def attend_without_softmax(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    return query @ key.mT @ value


def attend_over_the_batch(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    return (query @ key.mT).softmax(0) @ value


def attend_transposed(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    return (query @ key.mT).softmax(-1).mT @ value


def attend_roles_swapped(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    return (key @ query.mT).softmax(-1) @ value


def attend_with_the_map(
    query: Tensor, key: Tensor, value: Tensor
) -> tuple[Tensor, Tensor]:
    return attend(query, key, value), query @ key.mT


def attend_channels_first(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    return attend(query, key, value).transpose(1, 2)


def attend_over_everything(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    scores = query @ key.mT
    return scores.flatten(1).softmax(1).view_as(scores) @ value


# --- 01.3 ------------------------------------------------------------------------


class SelfAttention(nn.Module):
    """Keys are defined before queries, and positions stand last throughout."""

    reduction = 8
    bias = True
    start = 0.0
    value_width = 1  # of C

    def __init__(self, channels: int) -> None:
        super().__init__()
        narrow = channels // self.reduction
        wide = channels // self.value_width
        self.h = nn.Conv2d(channels, wide, 1, bias=self.bias)
        self.f = nn.Conv2d(channels, narrow, 1, bias=self.bias)
        self.g = nn.Conv2d(channels, narrow, 1, bias=self.bias)
        self.strength = self.gamma(channels)

    def gamma(self, channels: int) -> Tensor:
        return nn.Parameter(torch.tensor(self.start))

    def forward(self, x: Tensor) -> Tensor:
        key, query, value = (p(x).flatten(2) for p in (self.f, self.g, self.h))
        scores = key.mT @ query  # (B, keys, queries)
        return self.join(self.fold(value @ self.weigh(scores), x), x)

    def weigh(self, scores: Tensor) -> Tensor:
        return scores.softmax(dim=1)

    def fold(self, attended: Tensor, x: Tensor) -> Tensor:
        return attended.view(x.shape)

    def join(self, attended: Tensor, x: Tensor) -> Tensor:
        return self.strength * attended + x


class QueriesNamedFirst(SelfAttention):
    """Also right: the other order of definition, other names, gamma of shape (1,)."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels)
        self.f, self.g = self.g, self.f

    def gamma(self, channels: int) -> Tensor:
        return nn.Parameter(torch.zeros(1, 1, 1, 1))


class LinearProjections(nn.Module):
    """Also right: a linear layer at each position is a 1x1 convolution."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.zeros(1))
        self.q = nn.Linear(channels, channels // 8)
        self.k = nn.Linear(channels, channels // 8)
        self.v = nn.Linear(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        rows = positions(x)
        attended = attend(self.q(rows), self.k(rows), self.v(rows))
        return x + self.gamma * attended.mT.unflatten(2, x.shape[2:])


class SoftmaxOverQueries(SelfAttention):
    def weigh(self, scores: Tensor) -> Tensor:
        return scores.softmax(dim=2)


class SoftmaxOverQueriesOtherOrder(QueriesNamedFirst):
    def weigh(self, scores: Tensor) -> Tensor:
        return scores.softmax(dim=2)


class MapTransposed(SelfAttention):
    def weigh(self, scores: Tensor) -> Tensor:
        return scores.softmax(dim=1).mT


class Scaled(SelfAttention):
    def weigh(self, scores: Tensor) -> Tensor:
        return (scores / 2**0.5).softmax(dim=1)


class WithoutSoftmax(SelfAttention):
    def weigh(self, scores: Tensor) -> Tensor:
        return scores


class WithoutGamma(SelfAttention):
    def gamma(self, channels: int) -> Tensor:
        return torch.tensor(1.0)


class GammaStartsAtOne(SelfAttention):
    start = 1.0


class GammaOverAll(SelfAttention):
    def join(self, attended: Tensor, x: Tensor) -> Tensor:
        return self.strength * (attended + x)


class WithoutBias(SelfAttention):
    bias = False


class WideQueries(SelfAttention):
    reduction = 1


class FinalLayout(SelfAttention):
    value_width = 8

    def __init__(self, channels: int) -> None:
        super().__init__(channels)
        self.v = nn.Conv2d(channels // 8, channels, 1)

    def fold(self, attended: Tensor, x: Tensor) -> Tensor:
        B, _, H, W = x.shape
        return self.v(attended.reshape(B, -1, H, W))


class FoldedFlat(SelfAttention):
    def fold(self, attended: Tensor, x: Tensor) -> Tensor:
        return attended.mT.reshape(x.shape)


class FoldedCrosswise(SelfAttention):
    def fold(self, attended: Tensor, x: Tensor) -> Tensor:
        B, C, H, W = x.shape
        return attended.reshape(B, C, W, H).transpose(2, 3)


class SquareOnly(SelfAttention):
    def fold(self, attended: Tensor, x: Tensor) -> Tensor:
        return attended.view(*x.shape[:2], x.shape[3], x.shape[2])


# --- 01.4 ------------------------------------------------------------------------


def map_bytes(batch: int, height: int, width: int, pooled: bool) -> int:
    keys = torch.empty(1, 1, height, width, device="meta")
    if pooled:
        keys = F.max_pool2d(keys, 2)
    whole = torch.empty(batch, height * width, keys.numel(), device="meta")
    return whole.nbytes


def bytes_counts_values(batch: int, height: int, width: int, pooled: bool) -> int:
    return map_bytes(batch, height, width, pooled) // 4


def bytes_of_one_row(batch: int, height: int, width: int, pooled: bool) -> int:
    return 4 * batch * height * width


def bytes_of_one_image(batch: int, height: int, width: int, pooled: bool) -> int:
    return map_bytes(1, height, width, pooled)


def bytes_never_pooled(batch: int, height: int, width: int, pooled: bool) -> int:
    return 4 * batch * (height * width) ** 2


def bytes_pools_queries(batch: int, height: int, width: int, pooled: bool) -> int:
    if pooled:
        height, width = height // 2, width // 2
    return 4 * batch * (height * width) ** 2


def bytes_pools_one_side(batch: int, height: int, width: int, pooled: bool) -> int:
    return 4 * batch * (height * width) ** 2 // (2 if pooled else 1)


def bytes_of_even_sides(batch: int, height: int, width: int, pooled: bool) -> int:
    n = height * width
    return 4 * batch * n * (n // 4 if pooled else n)


def bytes_of_square_maps(batch: int, height: int, width: int, pooled: bool) -> int:
    return 4 * batch * height**4


# --- 01.5 ------------------------------------------------------------------------


def attend_in_chunks(query: Tensor, key: Tensor, value: Tensor, rows: int) -> Tensor:
    answer = value.new_empty(*query.shape[:2], value.shape[2])
    for start in range(0, query.shape[1], rows):
        some = query[:, start : start + rows]
        answer[:, start : start + rows] = attend(some, key, value)
    return answer


def chunks_by_split(query: Tensor, key: Tensor, value: Tensor, rows: int) -> Tensor:
    pieces = [attend(some, key, value) for some in query.split(rows, dim=1)]
    return torch.cat(pieces, dim=1)


def chunks_whole_map(query: Tensor, key: Tensor, value: Tensor, rows: int) -> Tensor:
    weights = (query @ key.mT).softmax(-1)
    return torch.cat([some @ value for some in weights.split(rows, dim=1)], dim=1)


def chunks_without_the_last(
    query: Tensor, key: Tensor, value: Tensor, rows: int
) -> Tensor:
    whole = query.shape[1] // rows * rows
    return attend_in_chunks(query[:, :whole], key, value, rows)


def chunks_of_keys(query: Tensor, key: Tensor, value: Tensor, rows: int) -> Tensor:
    pairs = zip(key.split(rows, dim=1), value.split(rows, dim=1))
    return sum(attend(query, k, v) for k, v in pairs)


def chunks_of_keys_averaged(
    query: Tensor, key: Tensor, value: Tensor, rows: int
) -> Tensor:
    return chunks_of_keys(query, key, value, rows) / -(-key.shape[1] // rows)


def chunks_scaled(query: Tensor, key: Tensor, value: Tensor, rows: int) -> Tensor:
    return attend_in_chunks(query / query.shape[-1] ** 0.5, key, value, rows)


def chunks_over_queries(query: Tensor, key: Tensor, value: Tensor, rows: int) -> Tensor:
    pieces = [attend_over_queries(some, key, value) for some in query.split(rows, 1)]
    return torch.cat(pieces, dim=1)


SOLUTIONS: list[tuple[str, Any]] = [
    ("01.1", positions),
    ("01.2", attend),
    ("01.3", SelfAttention),
    ("01.3", QueriesNamedFirst),
    ("01.3", LinearProjections),
    ("01.4", map_bytes),
    ("01.5", attend_in_chunks),
    ("01.5", chunks_by_split),
]

SUMS = "do not sum to 1"

# (exercise, wrong answer, words that only the fitting hint has)
WRONG: list[tuple[str, Callable[..., Any], str]] = [
    ("01.1", positions_by_reshape_alone, "cut anew"),
    ("01.1", positions_channels_first, "channels still come first"),
    ("01.1", positions_down_the_columns, "down the columns"),
    ("01.1", positions_of_all_images, "keep B in front"),
    ("01.1", positions_forgets_return, "is there a return"),
    ("01.2", attend_over_queries, "runs over the queries"),
    ("01.2", attend_scaled, "root of their width"),
    ("01.2", attend_without_softmax, "used as they are"),
    ("01.2", attend_over_the_batch, "runs over the batch"),
    ("01.2", attend_transposed, "map is transposed"),
    ("01.2", attend_roles_swapped, "changed places"),
    ("01.2", attend_with_the_map, "without the map"),
    ("01.2", attend_channels_first, "Channels come before"),
    ("01.2", attend_over_everything, "runs over the whole map"),
    ("01.3", SoftmaxOverQueries, SUMS),
    ("01.3", SoftmaxOverQueriesOtherOrder, SUMS),
    ("01.3", MapTransposed, SUMS),
    ("01.3", Scaled, "root of their width"),
    ("01.3", WithoutSoftmax, "used as they are"),
    ("01.3", WithoutGamma, "is a single number"),
    ("01.3", GammaStartsAtOne, "with which value of gamma"),
    ("01.3", GammaOverAll, "returns zeros"),
    ("01.3", WithoutBias, "have biases here"),
    ("01.3", WideQueries, "C / 8 channels"),
    ("01.3", FinalLayout, "another of the three layouts"),
    ("01.3", FoldedFlat, "reshape alone does not"),
    ("01.3", FoldedCrosswise, "rows come first"),
    ("01.3", SquareOnly, "RuntimeError"),
    ("01.4", bytes_counts_values, "float32 has 4 bytes."),
    ("01.4", bytes_of_one_row, "number of positions"),
    ("01.4", bytes_of_one_image, "a map of its own"),
    ("01.4", bytes_never_pooled, "Pooled or not"),
    ("01.4", bytes_pools_queries, "each position still asks"),
    ("01.4", bytes_pools_one_side, "both sides"),
    ("01.4", bytes_of_even_sides, "odd side"),
    ("01.4", bytes_of_square_maps, "how many queries"),
    ("01.5", chunks_whole_map, "numbers are right, but"),
    ("01.5", chunks_without_the_last, "last chunk is missing"),
    ("01.5", chunks_of_keys, "softmax of its own"),
    ("01.5", chunks_of_keys_averaged, "averaged"),
    ("01.5", chunks_scaled, "root of their width"),
    ("01.5", chunks_over_queries, "as all queries at once"),
]


def test_every_exercise_of_the_chapter_is_tried() -> None:
    of_chapter = {number for number in list_exercises() if number.startswith("01")}
    assert of_chapter == {number for number, _ in SOLUTIONS}
    for number in of_chapter:
        assert sum(number == tried for tried, _, _ in WRONG) >= 3, number


@pytest.mark.parametrize(("number", "answer"), SOLUTIONS)
def test_solution_is_right(number: str, answer: Callable[..., Any]) -> None:
    result = check(number, answer)
    assert result.status == "right", result
    assert result.right


@pytest.mark.parametrize(
    ("number", "answer", "words"), WRONG, ids=lambda x: getattr(x, "__name__", None)
)
def test_wrong_answer_gets_its_hint(
    number: str, answer: Callable[..., Any], words: str
) -> None:
    result = check(number, answer)
    assert result.status == "not yet"
    assert result.hint is not None
    assert words in result.hint
    others = {w for n, _, w in WRONG if n == number and w != words}
    assert not any(other in result.hint for other in others)


def test_right_so_far_is_told() -> None:
    """A slip that hides while there are no more keys than queries comes out later."""

    def as_many_keys_as_queries(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        N = query.shape[1]
        return attend(query, key[:, :N], value[:, :N])

    found = check("01.2", as_many_keys_as_queries)
    assert found.status == "not yet"
    assert found.right[0] == "four queries and four keys"
    assert found.right[-1] == "more queries than keys"
