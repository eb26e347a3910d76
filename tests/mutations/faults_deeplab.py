"""Known faults of DeepLab and its backbones; test_faults.py explains a row's keys."""

V3 = "simseg_core.models.deeplabv3"
V3PLUS = "simseg_core.models.deeplabv3plus"
SEPARABLE = "simseg_core.models.separable"
XCEPTION = "simseg_core.models.xception"
MOBILENET = "simseg_core.models.mobilenet"
CONVERT = "simseg_core.convert"
TESTS = "tests/models"
TORCHVISION = "tests/parity/test_deeplabv3_torchvision.py"

FAULTS = [
    {
        "name": "logits resized with corners aligned in spite of the argument",
        "seen": "-",
        "module": V3,
        "old": "resize(x, size, align_corners=self.align_corners)",
        "new": "resize(x, size, align_corners=True)",
        "caught_by": f"{TESTS}/test_deeplabv3.py"
        "::test_one_argument_governs_how_logits_are_resized[False]",
    },
    {
        "name": "two resizes of one network, corners aligned in one",
        "seen": "segmentation_models.pytorch as shipped",
        "module": V3PLUS,
        "old": "low.shape[-2:], align_corners=self.align_corners",
        "new": "low.shape[-2:], align_corners=True",
        "caught_by": f"{TESTS}/test_deeplabv3plus.py"
        "::test_one_argument_governs_both_resizes[False]",
    },
    {
        "name": "one 3x3 convolution in the decoder",
        "seen": "segmentation_models.pytorch and VainF's DeepLabV3Plus as shipped",
        "module": V3PLUS,
        "old": "            conv3x3(in_channels, in_channels),\n",
        "new": "",
        "caught_by": f"{TESTS}/test_deeplabv3plus.py"
        "::test_decoder_reads_the_right_map[deeplabv3plus_resnet50-256-2048-False]",
    },
    {
        "name": "low-level features not narrowed to 48 channels",
        "seen": "-",
        "module": V3PLUS,
        "old": "narrow_channels: int = 48,\n        separable: bool | None",
        "new": "narrow_channels: int = 256,\n        separable: bool | None",
        "caught_by": f"{TESTS}/test_deeplabv3plus.py"
        "::test_decoder_reads_the_right_map[deeplabv3plus_resnet50-256-2048-False]",
    },
    {
        "name": "decoder joins low-level features first",
        "seen": "-",
        "module": V3PLUS,
        "old": "torch.cat([x, self.narrow(low)], dim=1)",
        "new": "torch.cat([self.narrow(low), x], dim=1)",
        "caught_by": "tests/parity/test_deeplabv3plus_slow.py"
        "::test_logits_and_gradients_equal_the_rewrite[resnet50-16-None-False]",
    },
    {
        "name": "no BatchNorm and ReLU between depthwise and pointwise",
        "seen": "segmentation_models.pytorch and VainF's DeepLabV3Plus as shipped",
        "module": SEPARABLE,
        "old": "            self.extend(half)\n            if relu",
        "new": "            self.extend(half if half is not depthwise else half[:1])\n"
        "            if half is not depthwise and relu",
        "caught_by": f"{TESTS}/test_separable.py"
        "::test_batchnorm_and_relu_stand_in_both_halves[1-1-after]",
        "error": "KeyError",  # the rewrite finds no weights for the BatchNorm
    },
    {
        "name": "no ReLU between depthwise and pointwise",
        "seen": "-",
        "module": SEPARABLE,
        "old": '            if relu == "after":\n',
        "new": '            if relu == "after" and half is not depthwise:\n'
        "                self.append(nn.ReLU())\n"
        '            elif relu == "after":\n'
        "                self.append(nn.Identity())\n"
        "            if False:\n",
        "caught_by": f"{TESTS}/test_separable.py"
        "::test_batchnorm_and_relu_stand_in_both_halves[1-1-after]",
    },
    {
        "name": "in-place ReLU at a branch's start changes the shortcut too",
        "seen": "jfzhang95's Xception as shipped; osmr/imgclsmob#13",
        "module": SEPARABLE,
        "old": "self.append(nn.ReLU())",
        "new": "self.append(nn.ReLU(inplace=True))",
        "caught_by": f"{TESTS}/test_xception.py"
        "::test_shortcut_carries_the_input_as_it_came",
    },
    {
        "name": "low-level features from the first block, 128 channels",
        "seen": "jfzhang95/pytorch-deeplab-xception as shipped",
        "module": XCEPTION,
        "old": "        low, x = self.second.with_dense(self.first(self.stem(x)))\n",
        "new": "        low, x = self.first.with_dense(self.stem(x))\n"
        "        low = x\n        x = self.second(x)\n",
        "caught_by": f"{TESTS}/test_xception.py::test_papers_counts",
    },
    {
        "name": "last separable convolution of a dilated block at rate 1",
        "seen": "jfzhang95/pytorch-deeplab-xception at output stride 8",
        "module": XCEPTION,
        "old": "second, third, stride=stride, dilation=rate",
        "new": "second, third, stride=stride, dilation=1",
        "caught_by": f"{TESTS}/test_xception.py"
        "::test_smaller_output_stride_gives_the_same_values_more_densely[size0]",
    },
    {
        "name": "PyTorch's epsilon in Xception",
        "seen": "-",
        "module": XCEPTION,
        "old": "EPS = 1e-3",
        "new": "EPS = 1e-5",
        "caught_by": "tests/parity/test_xception_timm.py"
        "::test_logits_and_gradients_equal_timm[16]",
    },
    {
        "name": "TensorFlow's momentum in PyTorch's slot",
        "seen": "transformers' MobileNetV2 as shipped",
        "module": MOBILENET,
        "old": "        self.narrow = conv_bn(wide, out_channels, kernel_size=1)\n",
        "new": "        self.narrow = conv_bn(wide, out_channels, kernel_size=1)\n"
        "        for module in self.modules():\n"
        "            if isinstance(module, nn.BatchNorm2d):\n"
        "                module.momentum = 0.997\n",
        "caught_by": f"{TESTS}/test_mobilenet.py"
        "::test_one_batch_moves_the_running_statistics_by_a_tenth",
    },
    {
        "name": "ReLU behind the bottleneck",
        "seen": "-",
        "module": MOBILENET,
        "old": "y = self.narrow(wide)",
        "new": "y = self.narrow(wide).relu()",
        "caught_by": f"{TESTS}/test_mobilenet.py::test_bottleneck_is_linear",
    },
    {
        "name": "low-level features of MobileNetV2 from a narrow map",
        "seen": "-",
        "module": MOBILENET,
        "old": "        return wide, x + y if self.shortcut else y\n",
        "new": "        y = x + y if self.shortcut else y\n        return y, y\n",
        "caught_by": f"{TESTS}/test_mobilenet.py"
        "::test_low_level_features_are_wide_and_at_stride_4",
    },
    {
        "name": "torchvision's weights in a network with multi-grid",
        "seen": "-",
        "module": CONVERT,
        "old": "    if wrong:\n",
        "new": "    if False:\n",
        "caught_by": f"{TORCHVISION}"
        "::test_each_setting_that_would_change_the_logits_is_refused",
    },
    {
        "name": "extra convolution of torchvision's head left out",
        "seen": "-",
        "module": V3,
        "old": "self.classify(self.refine(self.aspp(x)))",
        "new": "self.classify(self.aspp(x))",
        "caught_by": f"{TORCHVISION}"
        "::test_published_file_is_taken_and_the_auxiliary_classifier_left_out",
    },
]
