"""For class: a chapter's slides, and worksheets for paper and pencil."""
