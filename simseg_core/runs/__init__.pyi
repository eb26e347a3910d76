"""What `from simseg_core.runs import ...` gives; imported when it is asked for."""

from .checkpoint import Trained as Trained, load_trained as load_trained
from .network import Network as Network
from .plan import Plan as Plan
from .run import RunResult as RunResult
from .train import train as train
