"""What `from simseg_core.runs import ...` gives; imported when it is asked for."""

from .checkpoint import Trained as Trained, load_trained as load_trained
from .evaluation import Evaluation as Evaluation, RunComparison as RunComparison
from .export import Exported as Exported, export_run as export_run
from .network import Network as Network
from .plan import Plan as Plan
from .predict import Prediction as Prediction, Predictor as Predictor
from .prediction_files import (
    PredictedFiles as PredictedFiles,
    predict_files as predict_files,
)
from .pretrained import load_pretrained as load_pretrained
from .run import RunResult as RunResult
from .score import compare_runs as compare_runs, evaluate_run as evaluate_run
from .tiles import segment as segment
from .train import train as train
