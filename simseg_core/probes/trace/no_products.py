"""Kernels known to multiply no matrices, so that every other one can be named.

Their zero is no guess: what they do to each number alone, to its place, or to a set of
numbers at once has no convolution and no matrix product in it. A kernel that stands
neither here nor among the formulas of `simseg_core.probes.trace.macs` may multiply.
"""

from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves

__all__ = ["has_no_products", "holds_a_tensor"]


@cache
def has_no_products(kernel: Any) -> bool:
    """Whether a kernel is elementwise, a view, or in the list below."""
    if not isinstance(kernel, torch._ops.OpOverload):  # such as `torch.cond`
        return False
    if kernel.namespace == "prim":  # asks for a device and the like
        return True
    if kernel.namespace != "aten":
        return False
    if torch.Tag.pointwise in kernel.tags or kernel.is_view:
        return True
    name = kernel._overloadpacket.__name__.lstrip("_").rstrip("_")
    return name in _NAMES or name.removesuffix("_copy") in _NAMES


def holds_a_tensor(*values: Any) -> bool:
    """Whether there is a tensor in nested arguments or results."""
    return any(isinstance(leaf, Tensor) for leaf in tree_leaves(values))


# By what they do; without the underscores in front (inner) and behind (in place).
_FAMILIES = {
    "each number alone": """
        add_relu clone contiguous copy copy_from dequantize detach dropout
        fake_quantize_learnable_per_channel_affine
        fake_quantize_learnable_per_tensor_affine
        fake_quantize_per_channel_affine_cachemask
        fake_quantize_per_tensor_affine_cachemask
        fake_quantize_per_tensor_affine_cachemask_tensor_qparams fill floor_divide
        fused_dropout gelu glu hardswish int_repr lift lift_fresh lift_fresh_copy
        linalg_cross log_sigmoid_forward masked_fill mish native_dropout prelu
        prelu_kernel quantize_per_channel quantize_per_tensor relu6 requires_grad
        rrelu_with_noise rsub thnn_fused_gru_cell thnn_fused_lstm_cell threshold to_copy
        transform_bias_rescale_qkv zero
    """,
    "random numbers and constants": """
        bernoulli cauchy empty_like empty_strided exponential full_like geometric
        log_normal multinomial new_empty new_empty_strided new_full new_ones new_zeros
        normal ones_like poisson rand_like randint_like randn_like random uniform
        zeros_like
    """,
    "places: joined, cut, taken, written, padded, sorted": """
        argsort as_strided as_strided_scatter block_diag bucketize cat channel_shuffle
        chunk_cat coalesce col2im complex constant_pad_nd detach diag_embed
        diagonal_scatter embedding flip gather im2col index index_copy index_fill
        index_put index_put_impl index_select kthvalue local_scalar_dense masked_scatter
        masked_select median mode nanmedian native_channel_shuffle
        nested_tensor_from_mask nonzero nonzero_static one_hot pack_padded_sequence
        pad_circular pixel_shuffle pixel_unshuffle put reflection_pad1d reflection_pad2d
        reflection_pad3d repeat repeat_interleave replication_pad1d replication_pad2d
        replication_pad3d reshape resize resize_as roll rot90 scatter searchsorted
        select_scatter set slice_scatter sort sparse_mask split_with_sizes squeeze stack
        swapaxes swapdims t take take_along_dim tile to_dense to_sparse to_sparse_bsc
        to_sparse_bsr to_sparse_csc to_sparse_csr topk transpose tril triu unique
        unique2 unique_consecutive unique_dim unsafe_chunk unsafe_index unsafe_index_put
        unsafe_masked_index unsafe_split unsafe_split_with_sizes unsafe_view unsqueeze
        view where
    """,
    "sums, maxima and counts": """
        all amax amin aminmax any argmax argmin bincount count_nonzero cummax cummin
        cumprod cumsum equal histc index_add index_reduce is_all_true is_any_true
        linalg_vector_norm logcumsumexp logsumexp max mean min nanmean nansum norm prod
        scatter_add scatter_reduce std std_mean sum trace
        unsafe_masked_index_put_accumulate var var_mean
    """,
    "pooling and resizing": """
        adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d adaptive_max_pool2d
        adaptive_max_pool3d avg_pool1d avg_pool2d avg_pool3d fractional_max_pool2d
        fractional_max_pool3d max_pool2d_with_indices max_pool3d_with_indices
        max_unpool2d max_unpool3d mkldnn_adaptive_avg_pool2d mkldnn_max_pool2d
        mkldnn_max_pool3d upsample_bicubic2d upsample_bicubic2d_aa upsample_bilinear2d
        upsample_bilinear2d_aa upsample_lanczos2d_aa upsample_linear1d
        upsample_nearest1d upsample_nearest2d upsample_nearest3d
        upsample_nearest_exact1d upsample_nearest_exact2d upsample_nearest_exact3d
        upsample_trilinear3d
    """,
    "normalisation, softmax, losses": """
        batch_norm_elemt batch_norm_gather_stats batch_norm_gather_stats_with_counts
        batch_norm_impl_index batch_norm_no_update batch_norm_stats
        batch_norm_update_stats batch_norm_with_update binary_cross_entropy
        cudnn_batch_norm fused_rms_norm huber_loss log_softmax masked_softmax
        miopen_batch_norm mse_loss native_batch_norm native_batch_norm_legit
        native_batch_norm_legit_functional native_batch_norm_legit_no_training
        native_group_norm native_layer_norm nll_loss2d_forward nll_loss_forward renorm
        rms_norm safe_softmax smooth_l1_loss softmax weight_norm_interface
    """,
}
_NAMES = {name for family in _FAMILIES.values() for name in family.split()}
