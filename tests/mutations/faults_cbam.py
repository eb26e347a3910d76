"""Known faults of CBAM; the keys of a row are explained in test_faults.py."""

CBAM = "simseg_core.models.cbam"
PEER = "tests/parity/test_cbam_pytorchcv.py::test_block_equals_pytorchcv"
TESTS = "tests/models/test_cbam.py::"

FAULTS = [
    {
        "name": "an MLP for each pooling",
        "seen": "Peachypie98/CBAM#3",
        "module": CBAM,
        "old": """\
            nn.Linear(hidden, channels, bias=bias),
        )
""",
        "new": """\
            nn.Linear(hidden, channels, bias=bias),
        )
        self.other = nn.Sequential(
            nn.Linear(channels, hidden, bias=bias),
            nn.ReLU(),
            nn.Linear(hidden, channels, bias=bias),
        )
""",
        "caught_by": TESTS + "test_parameter_count_at_256",
    },
    {
        "name": "no sigmoid on the channel gate",
        "seen": "-",
        "module": CBAM,
        "old": "scores.sigmoid()[",
        "new": "scores[",
        "caught_by": TESTS + "test_channel_gate_by_hand",
    },
    {
        "name": "no sigmoid on the spatial gate",
        "seen": "Peachypie98/CBAM#2",
        "module": CBAM,
        "old": "self.norm(self.conv(pooled)).sigmoid()",
        "new": "self.norm(self.conv(pooled))",
        "caught_by": TESTS + "test_spatial_gate_by_hand",
    },
    {
        "name": "the mean added twice, the maximum never read",
        "seen": "MenghaoGuo/Awesome-Vision-Attentions#32",
        "module": CBAM,
        "old": "self.mlp(average) + self.mlp(maximum)",
        "new": "self.mlp(average) + self.mlp(average)",
        "caught_by": TESTS + "test_channel_gate_by_hand",
    },
    {
        "name": "a sigmoid on each pooling, before the sum",
        "seen": "-",
        "module": CBAM,
        "old": "self.mlp(average) + self.mlp(maximum)",
        "new": "self.mlp(average).sigmoid() + self.mlp(maximum).sigmoid()",
        "caught_by": TESTS + "test_channel_gate_by_hand",
    },
    {
        "name": "no BatchNorm in the spatial gate",
        "seen": "open-mmlab/mmyolo#246",
        "module": CBAM,
        "old": "self.norm(self.conv(pooled))",
        "new": "self.conv(pooled)",
        "caught_by": TESTS + "test_spatial_gate_normalises_before_the_sigmoid",
    },
    {
        "name": "mean stacked before max",
        "seen": "timm as shipped",
        "module": CBAM,
        "old": "torch.cat([maximum, average], dim=1)",
        "new": "torch.cat([average, maximum], dim=1)",
        "caught_by": TESTS + "test_spatial_gate_by_hand",
    },
    {
        "name": "spatial gate reads the ungated map",
        "seen": "-",
        "module": CBAM,
        "old": "return self.spatial(self.channel(x))",
        "new": "return self.channel.gate(x) * self.spatial(x)",
        "caught_by": PEER,
    },
    {
        "name": "no biases in the MLP",
        "seen": "timm as shipped",
        "module": CBAM,
        "old": "nn.Linear(hidden, channels, bias=bias)",
        "new": "nn.Linear(hidden, channels, bias=False)",
        "caught_by": TESTS + "test_parameter_count",
    },
]
