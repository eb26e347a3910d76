"""Rules for operations that mix positions or channels: reductions, norms, products.

What reduces the last dimension that counts positions is global.
"""

import torch
from torch import Tensor

from simseg_core.probes.field.rules.registry import (
    Call,
    Field,
    UnknownOperationError,
    pointwise,
    rule,
)
from simseg_core.probes.field.rules.shared import (
    normalised,
    refuse_hidden_keys,
    united_along,
    wrap_dims,
)


@rule("mean", "sum", "amax", "amin", "max", "min", "logsumexp", "std", "var", "norm",
      "linalg_vector_norm", "var_mean", "std_mean", "prod", "all", "any")  # fmt: skip
def reduction(call: Call) -> Field:
    """Unite along the reduced dimensions."""
    if isinstance(call.arguments.get("other"), Tensor):  # `max` of two tensors
        return pointwise(call)
    x, dims = call["self"], call.arguments.get("dim")
    keep = bool(call.arguments.get("keepdim", False))
    return call.reduce(x, wrap_dims(dims, x), keep=keep)


@rule("native_batch_norm", "_native_batch_norm_legit_no_training", "cudnn_batch_norm",
      "_native_batch_norm_legit", "_batch_norm_with_update",
      "_batch_norm_no_update", "miopen_batch_norm")  # fmt: skip
def batch_norm(call: Call) -> Field:
    """With stored statistics every element stands alone."""
    x = call["input"]
    if call.arguments.get("training") or call.arguments.get("train"):
        return normalised(call, x, [d for d in range(x.ndim) if d != 1])
    return call.field(x)


@rule("add", "add_", "sub", "sub_")
def add(call: Call) -> Field:
    """Add; scores of minus infinity would leave keys out of an attention."""
    refuse_hidden_keys(call, call["self"], call["other"])
    return pointwise(call)


@rule("mm", "bmm", "matmul")
def matrix_product(call: Call) -> Field:
    """Multiply matrices."""
    names = ("self", "other" if call.name == "matmul" else "mat2")
    left, right = (call[name] for name in names)
    if call.name == "matmul" and (left.ndim < 2 or right.ndim < 2):
        raise UnknownOperationError("matmul with a vector")
    return _product(call, left, right)


def _product(call: Call, left: Tensor, right: Tensor) -> Field:
    """Matrix product: the shared dimension is reduced on both sides."""
    return call.unite(call.reduce(left, [-1]), call.reduce(right, [-2]))


@rule("addmm", "baddbmm", "linear")
def affine(call: Call) -> Field:
    """Multiply matrices and add."""
    if call.name == "linear":
        return call.reduce(call["input"], [-1])
    names = ("mat1", "mat2") if call.name == "addmm" else ("batch1", "batch2")
    left, right = (call[name] for name in names)
    refuse_hidden_keys(call, call["self"])
    added = call.broadcast(call["self"], call.shape)
    return call.unite(added, _product(call, left, right))


@rule("_scaled_dot_product_flash_attention_for_cpu", "scaled_dot_product_attention",
      "_scaled_dot_product_flash_attention", "_scaled_dot_product_efficient_attention",
      "_scaled_dot_product_cudnn_attention", "_scaled_dot_product_attention_math",
      "_scaled_dot_product_fused_attention_overrideable")  # fmt: skip
def attention(call: Call) -> Field:
    """Local in the query, reduced over keys and values (and an image-made mask).

    A mask of numbers weakens a key; one of yes and no, or of minus infinity, takes it
    away, which no rule here follows.
    """
    names = [name for name in ("attn_mask", "attn_bias") if name in call.arguments]
    masks = [call[name] for name in names if call[name] is not None]
    if call["is_causal"] or any(mask.dtype == torch.bool for mask in masks):
        raise UnknownOperationError("it leaves keys out of an attention")
    refuse_hidden_keys(call, *masks)
    fields = [
        call.reduce(call["query"], [-1]),
        call.reduce(call["key"], [-2, -1]),
        call.reduce(call["value"], [-2]),
    ]
    for mask in filter(call.depends_on_image, masks):
        scores = (*call.shape[:-1], call["key"].shape[-2])
        wide = call.broadcast(mask, scores)
        fields.append(united_along(wide, len(scores) - 1, scores))
    return call.unite(*fields)
