"""FC-HarDNet-70 at full width equals a slow rewrite; there is no other to compare."""

import pytest
import torch

from simseg_core import create_model
from tests.parity.compare import assert_same_function, gradients, shaken
from tests.parity.slow_fchardnet import fchardnet70


@pytest.mark.parametrize("size", [(75, 101)])
def test_logits_and_gradients_equal_the_rewrite(size: tuple[int, int]) -> None:
    model = shaken(create_model("fchardnet70", num_classes=19))
    parameters = dict(model.named_parameters())
    weights = {**model.state_dict(), **parameters}
    x = torch.randn(1, 3, *size, dtype=torch.float64)
    assert_same_function(
        gradients(model, x, parameters.values()),
        gradients(lambda x: fchardnet70(x, weights), x, parameters.values()),
    )
