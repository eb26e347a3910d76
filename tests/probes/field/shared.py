"""What several tests of fields share: networks made of others, and hulls."""

from torch import nn


class Calls(nn.Module):
    """A network that is one function, with a module path to be named by."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


class Part(nn.Module):
    """A network up to the module of this path; the whole network where it is empty."""

    def __init__(self, model, path):
        super().__init__()
        self.model, self.path = model, path

    def forward(self, x):
        made = []
        module = self.model.get_submodule(self.path)
        hook = module.register_forward_hook(lambda _, args, out: made.append(out))
        try:
            self.model(x)
        finally:
            hook.remove()
        return made[-1]


def hull(mask):
    """First and last row, first and last column; None for an empty mask."""
    if not mask.any():
        return None
    rows, columns = mask.any(1).nonzero(), mask.any(0).nonzero()
    return (int(rows[0]), int(rows[-1])), (int(columns[0]), int(columns[-1]))
