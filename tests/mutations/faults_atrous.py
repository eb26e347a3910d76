"""Known faults of atrous convolution and ASPP; test_faults.py explains a row's keys."""

ATROUS = "simseg_core.models.atrous"
ASPP = "simseg_core.models.aspp"
TESTS = "tests/models"
DENSER = "test_smaller_output_stride_gives_the_same_values_more_densely"

FAULTS = [
    {
        "name": "rates not doubled at output stride 8",
        "seen": "tensorflow/models#6257: evaluated so, a percent lost",
        "module": ASPP,
        "old": "tuple(rate * 16 // output_stride for rate in RATES)",
        "new": "RATES",
        "caught_by": f"{TESTS}/test_deeplabv3.py::{DENSER}[None-size0]",
    },
    {
        "name": "rates doubled at output stride 16 already",
        "seen": "pytorch/vision#7956 (MobileNetV3), pytorch/vision#8019; asked in "
        "qubvel-org/segmentation_models.pytorch#390",
        "module": ASPP,
        "old": "tuple(rate * 16 // output_stride for rate in RATES)",
        "new": "tuple(rate * 32 // output_stride for rate in RATES)",
        "caught_by": f"{TESTS}/test_aspp.py"
        "::test_rates_reach_equally_far_at_every_output_stride",
    },
    {
        "name": "unit that would have strided dilated already",
        "seen": "segmentation_models.pytorch as shipped; "
        "qubvel-org/segmentation_models.pytorch#183",
        "module": ATROUS,
        "old": "            plan.append((1, rate))\n            rate *= stride\n",
        "new": "            rate *= stride\n            plan.append((1, rate))\n",
        "caught_by": f"{TESTS}/test_mobilenet.py::{DENSER}[16]",
    },
    {
        "name": "shift by one pixel, whatever the rate",
        "seen": "-",
        "module": ATROUS,
        "old": "i * rate : i * rate + H, j * rate : j * rate + W",
        "new": "i : i + H, j : j + W",
        "caught_by": f"{TESTS}/test_atrous.py::test_by_hand",
    },
    {
        "name": "image pooling trained on one image",
        "seen": "jfzhang95/pytorch-deeplab-xception#41; pytorch/vision#1667",
        "module": ASPP,
        "old": "if self.project[1].training and x.shape[0] == 1:",
        "new": "if False:",
        "caught_by": f"{TESTS}/test_aspp.py"
        "::test_one_image_cannot_be_trained_on_and_the_error_says_what_to_do",
    },
    {
        "name": "image pooling over part of the map",
        "seen": "-",
        "module": ASPP,
        "old": "mean = x.mean(dim=(-2, -1), keepdim=True)",
        "new": "mean = x[..., ::2, ::2].mean(dim=(-2, -1), keepdim=True)",
        "caught_by": f"{TESTS}/test_aspp.py"
        "::test_pooled_map_is_what_resizing_would_give",
    },
]
