"""Known faults of ResNets; the keys of a row are explained in test_faults.py."""

RESIDUAL = "simseg_core.models.residual"
RESNET = "simseg_core.models.resnet"
TESTS = "tests/models/test_resnet.py"
PEERS = "tests/parity/test_resnet_peers.py"

FAULTS = [
    {
        "name": "stride left on the shortcut of a dilated stage",
        "seen": "- (torchvision refuses dilated basic units: pytorch/vision#2121, "
        "pytorch/vision#4801)",
        "module": RESIDUAL,
        "old": "in_channels, out_channels, kernel_size=1, stride=stride",
        "new": "in_channels, out_channels, kernel_size=1, stride=2",
        "caught_by": f"{TESTS}::test_strides_and_channels_of_the_maps[18-16]",
        "error": "RuntimeError",  # the two summands then differ in size
    },
    {
        "name": "stride left in a basic unit of a dilated stage",
        "seen": "- (torchvision refuses dilated basic units: pytorch/vision#2121, "
        "pytorch/vision#4801)",
        "module": RESIDUAL,
        "old": "in_channels, width, stride=stride, dilation=rates[0]",
        "new": "in_channels, width, stride=1 + (in_channels != width), "
        "dilation=rates[0]",
        "caught_by": f"{TESTS}::test_strides_and_channels_of_the_maps[18-8]",
        "error": "RuntimeError",
    },
    {
        "name": "first unit of a dilated stage dilated",
        "seen": "segmentation_models.pytorch as shipped; "
        "qubvel-org/segmentation_models.pytorch#183",
        "module": RESNET,
        "old": "steps.append((stride, (rate, later)))",
        "new": "steps.append((stride, (later, later)))",
        "caught_by": f"{TESTS}"
        "::test_smaller_output_stride_only_samples_more_densely[50-v1.5]",
    },
    {
        "name": "dilations of two stages not multiplied",
        "seen": "-",
        "module": "simseg_core.models.atrous",
        "old": "rate *= stride",
        "new": "rate = stride",
        "caught_by": f"{PEERS}::test_output_stride_equals_torchvision[8-replaced1]",
    },
    {
        "name": "multi-grid without the stage's rate",
        "seen": "public code",
        "module": RESNET,
        "old": "(rate * factor, rate * factor)",
        "new": "(factor, factor)",
        "caught_by": f"{TESTS}::test_dilation_of_every_unit",
    },
    {
        "name": "v1 strides in the 3x3 convolution",
        "seen": "-",
        "module": RESIDUAL,
        "old": "first, second, rate = stride, 1, rates[1]",
        "new": "pass",
        "caught_by": f"{TESTS}::test_the_stride_moves_a_share_of_the_work",
    },
    {
        "name": "attention after the sum",
        "seen": "-",
        "module": RESIDUAL,
        "old": "self.attention(self.residual(x)) + self.shortcut(x)",
        "new": "self.attention(self.residual(x) + self.shortcut(x))",
        "caught_by": f"{TESTS}::test_attention_acts_on_the_branch_before_the_sum",
    },
    {
        "name": "weights for strides in the 3x3 loaded into v1",
        "seen": "-",
        "module": "simseg_core.convert",
        "old": 'if encoder.version != "v1.5":',
        "new": "if False:",
        "caught_by": "tests/test_convert.py::test_v1_strides_are_refused",
        "error": "Failed",  # pytest's word for an error that was not raised
    },
    {
        "name": "checkpoint read as code",
        "seen": "-",
        "module": "simseg_core.convert",
        "old": '"weights_only": True',
        "new": '"weights_only": False',
        "caught_by": "tests/test_convert.py::test_pickled_code_is_not_run",
    },
]
