"""Styles without the rules that no page can use."""

import light_styles
import pytest
import tinycss2


def cut(style: str, *texts: str) -> str:
    rules = light_styles.cut(light_styles.parse(style), light_styles.Words(texts))
    return tinycss2.serialize(rules)


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
def test_rules_of_what_stands_nowhere_go(style: str, left: str) -> None:
    assert cut(style, '<p class="c a">', "") == left


def test_a_name_that_a_script_may_make_stays() -> None:
    style = ".tab-1{x:y}.table{x:y}"
    assert cut(style, "<p>", "name = `tab-${number}`") == ".tab-1{x:y}"
