"""Known faults of HarDNets; the keys of a row are explained in test_faults.py."""

BLOCK = "simseg_core.models.hardblock"
LAYERS = "simseg_core.models.layers"
FC = "simseg_core.models.fchardnet"
TESTS = "tests/models"

FAULTS = [
    {
        "name": "width rounded at every multiplication",
        "seen": "-",
        "module": BLOCK,
        "old": "        channels *= multiplier\n",
        "new": "        channels = int(int(channels * multiplier + 1) / 2) * 2\n",
        "caught_by": f"{TESTS}/test_hardblock.py::test_width_is_rounded_once",
    },
    {
        "name": "block's input left in its output",
        "seen": "-",
        "module": BLOCK,
        "old": "[maps[n] for n in self.kept]",
        "new": "[x, *(maps[n] for n in self.kept)]",
        "caught_by": f"{TESTS}/test_hardblock.py::test_input_does_not_leave_the_block",
    },
    {
        "name": "last layer left out of the output",
        "seen": "-",
        "module": BLOCK,
        "old": "if n % 2 == 1 or n == layers]",
        "new": "if n % 2 == 1]",
        "caught_by": f"{TESTS}/test_hardblock.py"
        "::test_output_holds_the_odd_layers_and_the_last_in_order[4]",
    },
    {
        "name": "farthest link first",
        "seen": "-",
        "module": BLOCK,
        "old": "for i in range(layer.bit_length()) if layer % 2**i == 0]",
        "new": "for i in reversed(range(layer.bit_length())) if layer % 2**i == 0]",
        "caught_by": f"{TESTS}/test_hardblock.py::test_links_of_eight_layers",
    },
    {
        "name": "ReLU without its bound",
        "seen": "pytorchcv's dense HarDNets as shipped",
        "module": LAYERS,
        "old": "nn.ReLU6(inplace=True)",
        "new": "nn.ReLU(inplace=True)",
        "caught_by": f"{TESTS}/test_hardnet.py::test_activation_stops_at_6",
    },
    {
        "name": "skip from behind the 1x1 convolution",
        "seen": "-",
        "module": FC,
        "old": "            skips.append(block(x))\n            x = mix(skips[-1])\n",
        "new": "            x = mix(block(x))\n"
        "            skips.append(x[:, : block.out_channels])\n",
        "caught_by": "tests/parity/test_fchardnet_slow.py"
        "::test_logits_and_gradients_equal_the_rewrite[size0]",
    },
    {
        "name": "skip before up",
        "seen": "-",
        "module": FC,
        "old": "torch.cat([resize_aligned(x, skip.shape[-2:]), skip], dim=1)",
        "new": "torch.cat([skip, resize_aligned(x, skip.shape[-2:])], dim=1)",
        "caught_by": "tests/parity/test_fchardnet_slow.py"
        "::test_logits_and_gradients_equal_the_rewrite[size0]",
    },
    {
        "name": "corners not aligned",
        "seen": "-",
        "module": FC,
        "old": "partial(resize, align_corners=True)",
        "new": "partial(resize, align_corners=False)",
        "caught_by": "tests/parity/test_fchardnet_slow.py"
        "::test_logits_and_gradients_equal_the_rewrite[size0]",
    },
    {
        "name": "max pooling between the blocks",
        "seen": "-",
        "module": FC,
        "old": "nn.AvgPool2d(2)",
        "new": "nn.MaxPool2d(2)",
        "caught_by": "tests/parity/test_fchardnet_slow.py"
        "::test_logits_and_gradients_equal_the_rewrite[size0]",
    },
]
