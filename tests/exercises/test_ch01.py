"""The self-attention chapter's exercises: right and wrong answers."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from simseg_core.exercises import check
from tests.exercises.bench import Answers, AnswersOfAChapter

given = Answers("01")

SUMS = "do not sum to 1"
SAGAN_LEAVES = "SAGAN leaves them as they are"

# --- 01.1 ---------------------------------------------------------------------


@given("01.1")
def positions(x: Tensor) -> Tensor:
    rows = [x[:, :, i, j] for i in range(x.shape[2]) for j in range(x.shape[3])]
    return torch.stack(rows, dim=1)


@given("01.1", "cut anew")
def positions_by_reshape_alone(x: Tensor) -> Tensor:
    B, C, H, W = x.shape
    return x.reshape(B, H * W, C)


@given("01.1", "channels still come first")
def positions_channels_first(x: Tensor) -> Tensor:
    return x.flatten(start_dim=2)


@given("01.1", "down the columns")
def positions_down_the_columns(x: Tensor) -> Tensor:
    return x.transpose(1, 3).flatten(1, 2)


@given("01.1", "keep B in front")
def positions_of_all_images(x: Tensor) -> Tensor:
    return x.permute(0, 2, 3, 1).reshape(-1, x.shape[1])


@given("01.1", "is there a return")
def positions_forgets_return(x: Tensor) -> None:
    x.flatten(2).transpose(1, 2)


# --- 01.2 ---------------------------------------------------------------------


@given("01.2")
def attend(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    weights = torch.einsum("bnd,bmd->bnm", query, key).exp()
    return (weights / weights.sum(2, keepdim=True)) @ value


@given("01.2", "runs over the queries")
def attend_over_queries(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    return torch.bmm(F.softmax(torch.bmm(query, key.mT), dim=1), value)


@given("01.2", "root of their width")
def attend_scaled(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    return F.scaled_dot_product_attention(query, key, value)


@given("01.2", "used as they are")
def attend_without_softmax(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    return query @ key.mT @ value


@given("01.2", "runs over the batch")
def attend_over_the_batch(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    return (query @ key.mT).softmax(0) @ value


@given("01.2", "map is transposed")
def attend_transposed(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    return (query @ key.mT).softmax(-1).mT @ value


@given("01.2", "changed places")
def attend_roles_swapped(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    return (key @ query.mT).softmax(-1) @ value


@given("01.2", "without the map")
def attend_with_the_map(
    query: Tensor, key: Tensor, value: Tensor
) -> tuple[Tensor, Tensor]:
    return attend(query, key, value), query @ key.mT


@given("01.2", "Channels come before")
def attend_channels_first(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    return attend(query, key, value).transpose(1, 2)


@given("01.2", "runs over the whole map")
def attend_over_everything(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    scores = query @ key.mT
    return scores.flatten(1).softmax(1).view_as(scores) @ value


def weigh(weights: Callable[[Tensor], Tensor]) -> Callable[..., Tensor]:
    return lambda query, key, value: weights(query @ key.mT) @ value


given("01.2", "That is the map: multiply")(lambda q, k, v: (q @ k.mT).softmax(-1))
given("01.2", "Those are the scores")(lambda q, k, v: q @ k.mT)
given("01.2", "do not sum to 1: take a softmax")(weigh(torch.exp))
given("01.2", "do not sum to 1: take a softmax")(weigh(torch.sigmoid))
given("01.2", SAGAN_LEAVES)(weigh(lambda s: (s / s.shape[-1] ** 0.5).softmax(-1)))
given("01.2", SAGAN_LEAVES)(lambda q, k, v: (q @ k.mT / q.shape[2]).softmax(-1) @ v)
given("01.2", "runs over the whole map")(
    weigh(lambda s: s.flatten(1).softmax(-1).view_as(s))
)


@given("01.2")
def attend_by_numpy(query: Tensor, key: Tensor, value: Tensor) -> Any:
    q, k, v = query.numpy(), key.numpy(), value.numpy()
    weights = np.exp(q @ k.transpose(0, 2, 1))
    return weights / weights.sum(2, keepdims=True) @ v


# --- 01.3 ---------------------------------------------------------------------


@given("01.3")
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


@given("01.3")
class QueriesNamedFirst(SelfAttention):
    """Also right: the other order of definition, other names, gamma of shape (1,)."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels)
        self.f, self.g = self.g, self.f

    def gamma(self, channels: int) -> Tensor:
        return nn.Parameter(torch.zeros(1, 1, 1, 1))


@given("01.3")
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


@given("01.3", SUMS)
class SoftmaxOverQueries(SelfAttention):
    def weigh(self, scores: Tensor) -> Tensor:
        return scores.softmax(dim=2)


@given("01.3", SUMS)
class SoftmaxOverQueriesOtherOrder(QueriesNamedFirst):
    def weigh(self, scores: Tensor) -> Tensor:
        return scores.softmax(dim=2)


@given("01.3", SUMS)
class MapTransposed(SelfAttention):
    def weigh(self, scores: Tensor) -> Tensor:
        return scores.softmax(dim=1).mT


@given("01.3", "root of their width")
class Scaled(SelfAttention):
    def weigh(self, scores: Tensor) -> Tensor:
        return (scores / 2**0.5).softmax(dim=1)


@given("01.3", "used as they are")
class WithoutSoftmax(SelfAttention):
    def weigh(self, scores: Tensor) -> Tensor:
        return scores


@given("01.3", "is a single number")
class WithoutGamma(SelfAttention):
    def gamma(self, channels: int) -> Tensor:
        return torch.tensor(1.0)


@given("01.3", "with which value of gamma")
class GammaStartsAtOne(SelfAttention):
    start = 1.0


@given("01.3", "returns zeros")
class GammaOverAll(SelfAttention):
    def join(self, attended: Tensor, x: Tensor) -> Tensor:
        return self.strength * (attended + x)


@given("01.3", "have biases here")
class WithoutBias(SelfAttention):
    bias = False


@given("01.3", "Queries and keys have C / 8 channels")
class WideQueries(SelfAttention):
    reduction = 1


@given("01.3", "no convolution follows them: that is another of the three layouts")
class FinalLayout(SelfAttention):
    value_width = 8

    def __init__(self, channels: int) -> None:
        super().__init__(channels)
        self.v = nn.Conv2d(channels // 8, channels, 1)

    def fold(self, attended: Tensor, x: Tensor) -> Tensor:
        B, _, H, W = x.shape
        return self.v(attended.reshape(B, -1, H, W))


@given("01.3", "reshape alone does not")
class FoldedFlat(SelfAttention):
    def fold(self, attended: Tensor, x: Tensor) -> Tensor:
        return attended.mT.reshape(x.shape)


@given("01.3", "rows come first")
class FoldedCrosswise(SelfAttention):
    def fold(self, attended: Tensor, x: Tensor) -> Tensor:
        B, C, H, W = x.shape
        return attended.reshape(B, C, W, H).transpose(2, 3)


@given("01.3", "RuntimeError")
class SquareOnly(SelfAttention):
    def fold(self, attended: Tensor, x: Tensor) -> Tensor:
        return attended.view(*x.shape[:2], x.shape[3], x.shape[2])


@given("01.3")
@given("01.3", "Queries and keys have C / 8 channels", width=8)
@given(
    "01.3",
    "no convolution follows them: that is another of the three layouts",
    after=True,
)
@given("01.3", "Gamma is 0 and a fresh block still changes x", relu=True)
@given("01.3", "here it was tuple", with_map=True)
@given("01.3", "a width written into the class", narrow=2)
class Attention(nn.Module):
    """Projections of one dimension, the map as the keys see it."""

    def __init__(
        self, channels: int, width: int = 0, narrow: int = 0, **options: bool
    ) -> None:
        super().__init__()
        width = width or narrow or channels // 8
        self.options = options
        self.q, self.k = (nn.Conv1d(channels, width, 1) for _ in "qk")
        self.v = nn.Conv1d(channels, channels, 1)
        if options.get("after"):
            self.o = nn.Conv1d(channels, channels, 1, bias=False)
        self.gamma = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor) -> Any:
        flat = x.flatten(2)
        weights = (self.k(flat).mT @ self.q(flat)).softmax(1)
        y = x + self.gamma * (self.v(flat) @ weights).view_as(x)
        if self.options.get("relu"):
            y = y.relu()
        return (y, weights) if self.options.get("with_map") else y


# --- 01.4 ---------------------------------------------------------------------


@given("01.4")
def map_bytes(batch: int, height: int, width: int, pooled: bool) -> int:
    keys = torch.empty(1, 1, height, width, device="meta")
    if pooled:
        keys = F.max_pool2d(keys, 2)
    whole = torch.empty(batch, height * width, keys.numel(), device="meta")
    return whole.nbytes


@given("01.4", "float32 has 4 bytes.")
def bytes_counts_values(batch: int, height: int, width: int, pooled: bool) -> int:
    return map_bytes(batch, height, width, pooled) // 4


@given("01.4", "number of positions")
def bytes_of_one_row(batch: int, height: int, width: int, pooled: bool) -> int:
    return 4 * batch * height * width


@given("01.4", "a map of its own")
def bytes_of_one_image(batch: int, height: int, width: int, pooled: bool) -> int:
    return map_bytes(1, height, width, pooled)


@given("01.4", "Pooled or not")
def bytes_never_pooled(batch: int, height: int, width: int, pooled: bool) -> int:
    return 4 * batch * (height * width) ** 2


@given("01.4", "each position still asks")
def bytes_pools_queries(batch: int, height: int, width: int, pooled: bool) -> int:
    if pooled:
        height, width = height // 2, width // 2
    return 4 * batch * (height * width) ** 2


@given("01.4", "both sides")
def bytes_pools_one_side(batch: int, height: int, width: int, pooled: bool) -> int:
    return 4 * batch * (height * width) ** 2 // (2 if pooled else 1)


@given("01.4", "An odd side: a 2x2 pooling drops the last row or column")
def bytes_of_even_sides(batch: int, height: int, width: int, pooled: bool) -> int:
    n = height * width
    return 4 * batch * n * (n // 4 if pooled else n)


@given("01.4", "how many queries")
def bytes_of_square_maps(batch: int, height: int, width: int, pooled: bool) -> int:
    return 4 * batch * height**4


@given("01.4")
@given("01.4", "pooled=False, and you count pooled keys", inverted=True)
@given("01.4", "drops the last row and column", area=True)
@given("01.4", "so round down", up=True)
def map_bytes_with(
    batch: int,
    height: int,
    width: int,
    pooled: bool,
    inverted: bool = False,
    area: bool = False,
    up: bool = False,
) -> Any:
    queries = height * width
    if pooled is inverted:
        keys: float = queries
    elif area:
        keys = queries / 4
    elif up:
        keys = math.ceil(height / 2) * math.ceil(width / 2)
    else:
        keys = (height // 2) * (width // 2)
    return torch.tensor(4 * batch * queries * keys, dtype=torch.float64)


# --- 01.5 ---------------------------------------------------------------------


@given("01.5")
def attend_in_chunks(query: Tensor, key: Tensor, value: Tensor, rows: int) -> Tensor:
    answer = value.new_empty(*query.shape[:2], value.shape[2])
    for start in range(0, query.shape[1], rows):
        some = query[:, start : start + rows]
        answer[:, start : start + rows] = attend(some, key, value)
    return answer


@given("01.5")
def chunks_by_split(query: Tensor, key: Tensor, value: Tensor, rows: int) -> Tensor:
    pieces = [attend(some, key, value) for some in query.split(rows, dim=1)]
    return torch.cat(pieces, dim=1)


@given("01.5", "numbers are right, but")
def chunks_whole_map(query: Tensor, key: Tensor, value: Tensor, rows: int) -> Tensor:
    weights = (query @ key.mT).softmax(-1)
    return torch.cat([some @ value for some in weights.split(rows, dim=1)], dim=1)


@given("01.5", "last chunk is missing")
def chunks_without_the_last(
    query: Tensor, key: Tensor, value: Tensor, rows: int
) -> Tensor:
    whole = query.shape[1] // rows * rows
    return attend_in_chunks(query[:, :whole], key, value, rows)


@given("01.5", "softmax of its own")
def chunks_of_keys(query: Tensor, key: Tensor, value: Tensor, rows: int) -> Tensor:
    pairs = zip(key.split(rows, dim=1), value.split(rows, dim=1))
    return sum(attend(query, k, v) for k, v in pairs)


@given("01.5", "averaged")
def chunks_of_keys_averaged(
    query: Tensor, key: Tensor, value: Tensor, rows: int
) -> Tensor:
    return chunks_of_keys(query, key, value, rows) / -(-key.shape[1] // rows)


@given("01.5", "root of their width")
def chunks_scaled(query: Tensor, key: Tensor, value: Tensor, rows: int) -> Tensor:
    return attend_in_chunks(query / query.shape[-1] ** 0.5, key, value, rows)


@given("01.5", "as all queries at once")
def chunks_over_queries(query: Tensor, key: Tensor, value: Tensor, rows: int) -> Tensor:
    pieces = [attend_over_queries(some, key, value) for some in query.split(rows, 1)]
    return torch.cat(pieces, dim=1)


@given("01.5", "reads only the keys of its own rows")
def attend_by_blocks(query: Tensor, key: Tensor, value: Tensor, rows: int) -> Tensor:
    pieces = zip(*(t.split(rows, 1) for t in (query, key, value)))
    return torch.cat([(q @ k.mT).softmax(-1) @ v for q, k, v in pieces], 1)


def test_right_so_far_is_told() -> None:
    """A slip that hides while there are no more keys than queries comes out later."""

    def as_many_keys_as_queries(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        N = query.shape[1]
        return attend(query, key[:, :N], value[:, :N])

    found = check("01.2", as_many_keys_as_queries)
    assert found.status == "not yet"
    assert found.right[0] == "four queries and four keys"
    assert found.right[-1] == "more queries than keys"


class TestAnswers(AnswersOfAChapter):
    given = given
