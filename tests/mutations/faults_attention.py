"""Known faults of self-attention; the keys of a row are explained in test_faults.py."""

ATTENTION = "simseg_core.models.attention"
BLOCK = "tests/models/test_attention.py::"
PEERS = "tests/parity/test_attention_peers.py::"

FAULTS = [
    {
        "name": "softmax over the queries",
        "seen": "labmlai/annotated_deep_learning_paper_implementations#146, "
        "heykeetae/Self-Attention-GAN#7",
        "module": ATTENTION,
        "old": "scores.softmax(dim=-1)",
        "new": "scores.softmax(dim=-2)",
        "caught_by": BLOCK + "test_attention_by_hand",
    },
    {
        "name": "attention without gamma",
        "seen": "public outlines",
        "module": ATTENTION,
        "old": "self.gamma * self.output(attended)",
        "new": "self.output(attended)",
        "caught_by": BLOCK + "test_starts_as_the_identity_and_gamma_learns_first",
    },
    {
        "name": "gamma starts at 1",
        "seen": "-",
        "module": ATTENTION,
        "old": "torch.zeros(1)",
        "new": "torch.ones(1)",
        "caught_by": BLOCK + "test_starts_as_the_identity_and_gamma_learns_first",
    },
    {
        "name": "scores scaled by the default",
        "seen": "-",
        "module": ATTENTION,
        "old": ", scale=1.0)",
        "new": ")",
        "caught_by": PEERS + "test_equals_pytorch_without_a_scale",
    },
    {
        "name": "map of a non-square image folded back as W x H",
        "seen": "-",
        "module": ATTENTION,
        "old": ".reshape(B, value.shape[-1], H, W)",
        "new": ".reshape(B, value.shape[-1], W, H).mT",
        "caught_by": PEERS + "test_equals_attn_gan_pytorch",
    },
    {
        "name": "widths of queries and values differ: no fused kernel",
        "seen": "-",
        "module": ATTENTION,
        "old": "F.pad(t, (0, width - t.shape[-1]))",
        "new": "t",
        "caught_by": BLOCK + "test_map_is_never_built_forward_or_backward",
    },
    {
        "name": "channels not adjacent in memory: no fused kernel",
        "seen": "-",
        "module": ATTENTION,
        "old": ".contiguous()",
        "new": "",
        "caught_by": BLOCK + "test_map_is_never_built_forward_or_backward",
    },
]
