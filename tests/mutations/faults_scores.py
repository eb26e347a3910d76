"""Known faults of scores and timings; test_faults.py explains a row's keys."""

METRICS = "simseg_core.training.metrics"
AGREEMENT = "simseg_core.training.checks"
TRAINING = "simseg_core.training.loop"
MACHINE = "simseg_core.probes.timing.machine"
LOOP_TESTS = "tests/training/test_loop.py"

FAULTS = [
    {
        "name": "void pixels counted in the mean IoU",
        "seen": "-",
        "module": METRICS,
        "old": "        check_labels(label, len(self.classes), ign",
        "new": "        label = label.where(label != self.ignore_index, 0)\n"
        "        check_labels(label, len(self.classes), ign",
        "caught_by": "tests/training/test_metrics.py"
        "::test_what_is_predicted_on_void_changes_nothing",
    },
    {
        "name": "class that never occurs makes the mean NaN",
        "seen": "-",
        "module": METRICS,
        "old": " if not math.isnan(value)]",
        "new": "]",
        "caught_by": "tests/training/test_metrics.py"
        "::test_a_class_that_never_occurs_is_nan_and_left_out_of_the_mean",
    },
    {
        "name": "float64 on a device that has none",
        "seen": "-",
        "module": METRICS,
        "old": "self._confusion.compute().cpu().long()",
        "new": "self._confusion.compute().double().cpu().long()",
        "caught_by": f"{LOOP_TESTS}::test_nothing_on_the_device_is_a_float64",
        "error": "TypeError",
    },
    {
        "name": "void draws a contour",
        "seen": "-",
        "module": METRICS,
        "old": "void, torch.iinfo(torch.int32).min",
        "new": "void & False, torch.iinfo(torch.int32).min",
        "caught_by": "tests/training/test_metrics.py"
        "::test_boundary_iou_of_all_classes_at_once_equals_that_of_each_mask",
    },
    {
        "name": "coarse logits scored on the label's centre",
        "seen": "-",
        "module": AGREEMENT,
        "old": "if larger.shape[-2:] != (h + _ADDED, w + _ADDED):",
        "new": "if False:",
        "caught_by": "tests/training/test_checks.py"
        "::test_a_coarser_map_is_refused_with_the_remedy",
        "error": "Failed",
    },
    {
        "name": "void that the data set names is trained",
        "seen": "-",
        "module": TRAINING,
        "old": "ignored_label(dataset, ignore_index)\n    history",
        "new": "ignore_index or 255\n    history",
        "caught_by": "tests/training/test_loop.py"
        "::test_the_label_that_a_data_set_ignores_is_neither_trained_nor_scored",
    },
    {
        "name": "stopped training leaves the model in training mode",
        "seen": "-",
        "module": TRAINING,
        "old": "    finally:\n        model.eval()\n",
        "new": "    finally:\n        pass\n    model.eval()\n",
        "caught_by": "tests/training/test_loop.py"
        "::test_a_training_that_is_stopped_keeps_its_history",
    },
    {
        "name": "accelerator timed without waiting for it",
        "seen": "many timing loops",
        "module": MACHINE,
        "old": "        torch.accelerator.synchronize(device)\n",
        "new": "",
        "caught_by": "tests/probes/timing/test_clock.py"
        "::test_an_accelerators_clock_waits_for_it",
    },
    {
        "name": "event of the GPU read before it has happened",
        "seen": "many timing loops",
        "module": MACHINE,
        "old": "        event.synchronize()\n",
        "new": "",
        "caught_by": "tests/probes/timing/test_clock.py"
        "::test_the_cuda_clock_reads_finished_events",
    },
]
