"""Give each page a content-security policy: only the site's own scripts run.

A script that stands in a page when it is built is named by its hash there; one that
gets into it later, by whatever way, is refused. It works as well from a folder.
"""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

START = '<meta charset="utf-8" />'
META = '<meta http-equiv="Content-Security-Policy" content="{}">'
INLINE = re.compile(r"<script\b(?![^>]*\ssrc=)[^>]*>(.*?)</script>", re.DOTALL)
# Styles within the pages stay: Sphinx writes widths so, and a figure is full of them.
# 404.html, which is shown anywhere, says by <base> where its links start.
POLICY = (
    "default-src 'self'; script-src 'self' {}; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; object-src 'none'; base-uri 'self'; form-action 'self'"
)


def fingerprint(script: str) -> str:
    """Return the name of a script in a policy."""
    digest = hashlib.sha256(script.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def guard(page: str) -> str:
    """Return a page's HTML with its policy, before all that it is about."""
    hashes = sorted(set(map(fingerprint, INLINE.findall(page))))
    policy = META.format(POLICY.format(" ".join(hashes)))
    return page.replace(START, START + policy, 1)


def guard_pages(app: Sphinx, exception: Exception | None) -> None:
    """Write the policy into every page that Sphinx has written now."""
    if exception or app.builder.format != "html":
        return
    for file in Path(app.outdir).rglob("*.html"):
        page = file.read_text("utf-8")
        if "_static" not in file.parts and META[:50] not in page:
            file.write_text(guard(page), "utf-8")


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx, after everything that changes written pages."""
    app.connect("build-finished", guard_pages, priority=900)
    return {"version": "1", "parallel_read_safe": True}
