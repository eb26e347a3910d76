"""Styles without the rules that no page can use."""

import importlib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def cut(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(ROOT / "book" / "_ext")
    module = importlib.import_module("light_styles")

    def serialized(style: str, *texts: str) -> str:
        return module.tinycss2.serialize(
            module.cut(module.parse(style), module.Words(texts))
        )

    return serialized


@pytest.mark.parametrize(
    ("style", "left"),
    [
        (".a{color:red}.b{color:red}", ".a{color:red}"),
        ("#a{x:y}#b{x:y}", "#a{x:y}"),
        (".b,.a.b,.a p,i>.a:hover{x:y}", ".a p,i>.a:hover{x:y}"),
        ("p,[class*=b-]{x:y}", "p,[class*=b-]{x:y}"),
        (".a:not(.b){x:y}", ".a:not(.b){x:y}"),
        ("@media (width<9px){.b{x:y}.a{x:y}}", "@media (width<9px){.a{x:y}}"),
        ("@font-face{src:url(b.woff)}", "@font-face{src:url(b.woff)}"),
        (".a{width:.5em}/* .a */", ".a{width:.5em}"),
        ("/*! MIT */.b{x:y}/* b */", "/*! MIT */"),
        (".bs-tooltip-auto{x:y}", ".bs-tooltip-auto{x:y}"),
    ],
)
def test_rules_of_what_stands_nowhere_go(cut: Any, style: str, left: str) -> None:
    assert cut(style, '<p class="c a">', "") == left


def test_a_name_that_a_script_may_make_stays(cut: Any) -> None:
    style = ".tab-1{x:y}.table{x:y}"
    assert cut(style, "<p>", "name = `tab-${number}`") == ".tab-1{x:y}"
