"""The pages that are written for teachers and students, from templates."""

from pathlib import Path

import jinja2

_FOLDER = Path(__file__).with_name("templates")

# What a student wrote is text in these pages, whatever signs it has (autoescape).
PAGES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(_FOLDER),
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
    undefined=jinja2.StrictUndefined,
)
