"""Known faults of scores and timings; test_faults.py explains a row's keys."""

METRICS = "simseg_core.metrics"
MACHINE = "simseg_core.probes._machine"

FAULTS = [
    {
        "name": "void pixels counted in the mean IoU",
        "seen": "-",
        "module": METRICS,
        "old": "        _check_pair(prediction, label)\n        check_labels(label,",
        "new": "        _check_pair(prediction, label)\n"
        "        label = label.where(label != self.ignore_index, 0)\n"
        "        check_labels(label,",
        "caught_by": "tests/test_metrics.py"
        "::test_what_is_predicted_on_void_changes_nothing",
    },
    {
        "name": "class that never occurs makes the mean NaN",
        "seen": "-",
        "module": METRICS,
        "old": " if not math.isnan(value)]",
        "new": "]",
        "caught_by": "tests/test_metrics.py"
        "::test_a_class_that_never_occurs_is_nan_and_left_out_of_the_mean",
    },
    {
        "name": "accelerator timed without waiting for it",
        "seen": "many timing loops",
        "module": MACHINE,
        "old": "        torch.accelerator.synchronize(device)\n",
        "new": "",
        "caught_by": "tests/probes/test_timing.py"
        "::test_an_accelerators_clock_waits_for_it",
    },
    {
        "name": "event of the GPU read before it has happened",
        "seen": "many timing loops",
        "module": MACHINE,
        "old": "        event.synchronize()\n",
        "new": "",
        "caught_by": "tests/probes/test_timing.py"
        "::test_the_cuda_clock_reads_finished_events",
    },
]
