"""Known faults of U-Nets; the keys of a row are explained in test_faults.py."""

UNET = "simseg_core.models.unet"
PADDED = "simseg_core.models.unet_padded"
TESTS = "tests/models/test_unet.py"
SLOW = "tests/parity/test_unet_slow.py"

FAULTS = [
    {
        "name": "crop offset of H used for W",
        "seen": "meetps/pytorch-semseg#231, meetps/pytorch-semseg#145",
        "module": UNET,
        "old": "(height - h) // 2, (width - w) // 2",
        "new": "(height - h) // 2, (height - h) // 2",
        "caught_by": f"{TESTS}::test_crop_is_central_on_both_axes",
    },
    {
        "name": "skip cropped at its corner",
        "seen": "-",
        "module": UNET,
        "old": "(height - h) // 2, (width - w) // 2",
        "new": "0, 0",
        "caught_by": f"{SLOW}::test_unet",
    },
    {
        "name": "valid U-Net joins up before skip",
        "seen": "-",
        "module": UNET,
        "old": "torch.cat([skip, x], dim=1)",
        "new": "torch.cat([x, skip], dim=1)",
        "caught_by": f"{SLOW}::test_unet",
    },
    {
        "name": "padded U-Net joins up before skip",
        "seen": "-",
        "module": PADDED,
        "old": "torch.cat([skip, x], dim=1)",
        "new": "torch.cat([x, skip], dim=1)",
        "caught_by": f"{SLOW}::test_padded_and_residual",
    },
    {
        "name": "size that reaches the lowest stage but not the output",
        "seen": "-",
        "module": UNET,
        "old": "smallest = 8 - 3 // step",
        "new": "smallest = 5",
        "caught_by": f"{TESTS}::test_nearest_size_fits_and_no_nearer_one_does",
    },
    {
        "name": "variance of a transposed convolution by its window, not its inputs",
        "seen": "-",
        "module": "simseg_core.models.layers",
        "old": "inputs /= math.prod(module.stride)",
        "new": "pass",
        "caught_by": f"{TESTS}::test_first_weights_have_variance_2_over_n",
    },
    {
        "name": "odd sizes filled above and on the left",
        "seen": "-",
        "module": PADDED,
        "old": "F.pad(x, (0, right, 0, below))",
        "new": "F.pad(x, (right, 0, below, 0))",
        "caught_by": f"{SLOW}::test_padded_and_residual",
    },
    {
        "name": "rows missing for columns missing",
        "seen": "a fork discussed in milesial/Pytorch-UNet#32",
        "module": PADDED,
        "old": "F.pad(x, (0, right, 0, below))",
        "new": "F.pad(x, (0, below, 0, right))",
        "caught_by": "tests/models/test_unet_padded.py"
        "::test_padding_grows_below_and_on_the_right",
    },
    {
        "name": "dropped rows filled as the exported example needs it, at all sizes",
        "seen": "-",
        "module": PADDED,
        "old": "if not is_recorded() and below == 0 and right == 0:",
        "new": "if below == 0 and right == 0:",
        "error": "RuntimeError",
        "caught_by": "tests/models/test_export.py"
        "::test_a_trace_runs_at_other_sizes[unet_padded]",
    },
    {
        "name": "bilinear resize by corners, not by pixel areas",
        "seen": "-",
        "module": PADDED,
        "old": 'mode="bilinear", align_corners=False',
        "new": 'mode="bilinear", align_corners=True',
        "caught_by": f"{SLOW}::test_options",
    },
    {
        "name": "skips left in by skips=False",
        "seen": "-",
        "module": PADDED,
        "old": "x = pad_to(up(x), skip.shape[-2:])",
        "new": "x = pad_to(up(x), skip.shape[-2:]) + (0 if self.skips else skip)",
        "caught_by": "tests/models/test_unet_padded.py"
        "::test_without_skips_nothing_passes_beside_the_lowest_stage",
    },
    {
        "name": "no ReLU after the sum of a residual unit",
        "seen": "-",
        "module": "simseg_core.models.residual",
        "old": "self.relu(self.attention(self.residual(x)) + self.shortcut(x))",
        "new": "self.attention(self.residual(x)) + self.shortcut(x)",
        "caught_by": f"{SLOW}::test_padded_and_residual",
    },
    {
        "name": "U-Net on a ResNet joins skip before up",
        "seen": "-",
        "module": "simseg_core.models.unet_resnet",
        "old": "torch.cat([x, skip], dim=1)",
        "new": "torch.cat([skip, x], dim=1)",
        "caught_by": "tests/parity/test_unet_smp.py::test_equals_smp[resnet18-size0]",
    },
]
