"""What `from simseg_core import ...` gives."""

from .models.zoo import create_model as create_model, list_models as list_models

__version__: str
