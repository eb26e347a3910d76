"""What `from simseg_core.runs import ...` gives; imported when it is asked for."""

from .checkpoint import Trained as Trained, load_trained as load_trained
from .network import Network as Network
