"""How a diagnostic looks in a terminal."""

from __future__ import annotations

import io
import re
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archspec.diagnostics import Diagnostic, Edit, Fix, Label, Source, Span
from archspec.diagnostics.render.text import render, summary
from archspec.terminal import Style, cells, printable, style_for
from tests.specs import compiled, errors_of, spec

WRAPPED = Style(60, wraps=True)


def _source(text: str, path: str = "net.yaml") -> Source:
    return Source(path, text, Path())


def _at(source: Source, line: int, words: str) -> Span:
    """The place of some words in a line."""
    column = source.lines()[line - 1].index(words) + 1
    return Span(line, column, line, column + len(words), source)


def _shown(diagnostic: Diagnostic, style: Style = WRAPPED) -> str:
    return "\n" + render(diagnostic, style) + "\n"


SOURCE = _source(
    "archspec: 1\n"
    "name: t\n"
    "input: [3, 8, 8]\n"
    "layers:\n"
    "  - max_pool: {kernel_size: 9, padding: 1}\n"
    "  - relu\n"
    "  - relu\n"
    "  - fc: {out_features: 3}\n"
)


def test_places_of_one_file_are_shown_together_in_the_order_of_the_text() -> None:
    labels = (
        Label(_at(SOURCE, 8, "fc"), "and this takes it"),
        Label(_at(SOURCE, 3, "[3, 8, 8]"), "this is the input"),
    )
    diagnostic = Diagnostic("AS301", "too large", _at(SOURCE, 5, "9"), "make it smaller", labels)
    assert (
        _shown(diagnostic)
        == """
error[AS301]: too large
 --> net.yaml:5:29
  |
3 | input: [3, 8, 8]
  |        --------- this is the input
4 | layers:
5 |   - max_pool: {kernel_size: 9, padding: 1}
  |                             ^
...
8 |   - fc: {out_features: 3}
  |     -- and this takes it
  = help: make it smaller
"""
    )


def test_places_of_another_file_are_shown_below() -> None:
    other = _source("blocks:\n  b:\n    layers: [relu]\n", "blocks/b.yaml")
    labels = (
        Label(_at(SOURCE, 6, "relu"), "in block `b`, called here"),
        Label(_at(other, 3, "relu"), "which is this"),
        Label(_at(other, 2, "b"), "declared here"),
    )
    diagnostic = Diagnostic("AS301", "too large", _at(SOURCE, 5, "9"), "", labels)
    assert (
        _shown(diagnostic)
        == """
error[AS301]: too large
 --> net.yaml:5:29
  |
5 |   - max_pool: {kernel_size: 9, padding: 1}
  |                             ^
6 |   - relu
  |     ---- in block `b`, called here
 ::: blocks/b.yaml:3:14
  |
2 |   b:
  |   - declared here
3 |     layers: [relu]
  |              ---- which is this
"""
    )


def test_several_marks_of_a_line_hang_their_texts_below_one_another() -> None:
    labels = (
        Label(_at(SOURCE, 5, "max_pool"), "called here"),
        Label(_at(SOURCE, 5, "kernel_size"), "named so"),
        Label(_at(SOURCE, 5, "padding"), "because of this"),
    )
    diagnostic = Diagnostic("AS301", "too large", _at(SOURCE, 5, "9"), "", labels)
    assert (
        _shown(diagnostic)
        == """
error[AS301]: too large
 --> net.yaml:5:29
  |
5 |   - max_pool: {kernel_size: 9, padding: 1}
  |     --------   -----------  ^  ------- because of this
  |     |          |
  |     |          named so
  |     called here
"""
    )


def test_what_is_said_of_the_very_place_stands_at_its_caret() -> None:
    labels = (Label(_at(SOURCE, 5, "9"), "9 rows"), Label(_at(SOURCE, 5, "9"), "repeat 2 of 4"))
    diagnostic = Diagnostic("AS301", "too large", _at(SOURCE, 5, "9"), "", labels)
    assert "  |                             ^ 9 rows; repeat 2 of 4\n" in _shown(diagnostic)


def test_a_place_inside_another_keeps_its_carets() -> None:
    label = Label(_at(SOURCE, 5, "{kernel_size: 9, padding: 1}"), "its fields")
    diagnostic = Diagnostic("AS301", "too large", _at(SOURCE, 5, "9"), "", (label,))
    assert "  |               --------------^------------- its fields\n" in _shown(diagnostic)


def test_a_span_of_some_lines_is_marked_in_each_of_them() -> None:
    source = _source("vars:\n  a: [1,\n      2,\n\n      3]  # three\n")
    label = Label(Span(2, 6, 5, 9, source), "a list")
    diagnostic = Diagnostic("AS205", "wrong", Span(1, 1, 1, 5, source), "", (label,))
    assert (
        _shown(diagnostic)
        == """
error[AS205]: wrong
 --> net.yaml:1:1
  |
1 | vars:
  | ^^^^
2 |   a: [1,
  |      ---
3 |       2,
  |       --
4 |
5 |       3]  # three
  |       -- a list
"""
    )


def test_of_a_long_span_the_first_and_the_last_line_are_marked() -> None:
    source = _source("layers:\n" + "".join(f"  a{n}: 1\n" for n in range(9)) + "\n# end\nname: t\n")
    span = Span(2, 3, 13, 1, source)  # YAML ends a block where the next thing begins
    assert (
        _shown(Diagnostic("AS205", "wrong", span))
        == """
error[AS205]: wrong
  --> net.yaml:2:3
   |
 2 |   a0: 1
   |   ^^^^^
...
10 |   a8: 1
   |   ^^^^^
"""
    )


def test_the_trail_is_a_line_a_shape_with_names_and_shapes_below_one_another() -> None:
    other = _source("\n" * 122 + "relu", "other.yaml")
    trail = (
        Label(_at(SOURCE, 3, "[3, 8, 8]"), "`input` is 3 × 8 × 8"),
        Label(_at(other, 123, "relu"), "`a.conv12` makes 4 × 8 × 8"),
        Label(_at(SOURCE, 7, "relu"), "the last"),
    )
    diagnostic = Diagnostic("AS301", "wrong", _at(SOURCE, 5, "9"), "mend it", (), trail)
    assert _shown(diagnostic).endswith("""
  = shapes: line              3  `input`    is 3 × 8 × 8
            line other.yaml:123  `a.conv12` makes 4 × 8 × 8
            line              7             the last
  = help: mend it
""")


def test_a_shape_error_has_the_way_to_it() -> None:
    (error,) = errors_of(compiled(spec("- max_pool: 2\n- relu\n- max_pool: 5")))
    assert error.trail
    shown = render(error)
    assert "`max_pool1` makes 3 × 4 × 4" in shown and "= shapes: line " in shown


# Width


def test_sentences_are_broken_and_hang_behind_what_they_are() -> None:
    message = "the window spans 20 rows along the height, but the input has only 14 of them"
    help = "use a kernel that spans at most 14, or pad the height by 6 more in all, as it were"
    label = Label(
        _at(SOURCE, 3, "[3, 8, 8]"), "this is what the network is given by whoever runs it"
    )
    shown = _shown(Diagnostic("AS301", message, _at(SOURCE, 5, "9"), help, (label,)))
    assert (
        shown
        == """
error[AS301]: the window spans 20 rows along the height, but
              the input has only 14 of them
 --> net.yaml:5:29
  |
3 | input: [3, 8, 8]
  |        --------- this is what the network is given by
  |                  whoever runs it
4 | layers:
5 |   - max_pool: {kernel_size: 9, padding: 1}
  |                             ^
  = help: use a kernel that spans at most 14, or pad the
          height by 6 more in all, as it were
"""
    )
    assert max(map(len, shown.splitlines())) <= 60


def test_a_text_with_no_room_behind_its_mark_hangs_below() -> None:
    source = _source("layers: [relu, relu, relu, relu, conv: {out_channels: 4}]\n")
    span = _at(source, 1, "out_channels")
    label = Label(span, "this is said at some length, so that it is broken")
    assert (
        _shown(Diagnostic("AS301", "wrong", span, "", (label,)))
        == """
error[AS301]: wrong
 --> net.yaml:1:41
  |
1 | …ers: [relu, relu, relu, relu, conv: {out_channels: 4}]
  |                                       ^^^^^^^^^^^^
  |                                       |
  |                                 this is said at some
  |                                 length, so that it is
  |                                 broken
"""
    )


def test_where_there_is_no_terminal_a_sentence_is_one_line() -> None:
    message = "word " * 60 + "end"
    diagnostic = Diagnostic("AS301", message, _at(SOURCE, 5, "9"), message)
    assert render(diagnostic).count(message) == 2


@pytest.mark.parametrize("width", [40, 57, 100, 200])
@pytest.mark.parametrize("before", ["", "x" * 500, "名" * 300, "\t" * 40, "e\u0301" * 200, "\x85"])
@pytest.mark.parametrize("after", ["", " # " + "y" * 500])
def test_a_line_is_cut_around_its_mark(width: int, before: str, after: str) -> None:
    line = f"{before.strip(chr(0x85))}: true{after}"
    span = _at(_source(line), 1, "true")
    shown = render(Diagnostic("AS205", "wrong", span), Style(width)).splitlines()
    source, carets = shown[3], shown[4]
    assert cells(source) <= width
    assert carets.count("^") == 4
    assert cells(source[: source.index("true")]) == carets.index("^")


@given(
    line=st.text(
        st.characters(codec="utf-8", exclude_characters="\n\r\x85\u2028\u2029"), max_size=80
    ),
    places=st.lists(
        st.tuples(st.integers(1, 90), st.integers(0, 20), st.text(max_size=30)), max_size=4
    ),
    width=st.integers(40, 130),
    wraps=st.booleans(),
)
def test_any_text_is_shown_safely_and_within_the_width(
    line: str, places: list[tuple[int, int, str]], width: int, wraps: bool
) -> None:
    source = _source(line)
    spans = [(Span(1, start, 1, start + length, source), text) for start, length, text in places]
    (first, _), *others = [(Span(1, 1, 1, 2, source), ""), *spans]
    labels = tuple(Label(span, text) for span, text in others)
    shown = render(Diagnostic("AS205", line, first, line, labels), Style(width, wraps=wraps))
    lines = shown.split("\n")
    assert all(character.isprintable() for line in lines for character in line)
    assert not any(line != line.rstrip() for line in lines[4:] if line.endswith("| "))
    sources = [text for text in lines if text.startswith("1 | ")]
    assert all(cells(text) <= width for text in sources)
    assert bool(sources) == bool(line.strip())


# Characters


def test_control_and_bidi_characters_are_shown_as_escapes_and_carets_stay_under_the_value() -> None:
    line = "a\u202e\u200b\x1b: \u00a0true"
    span = _at(_source(line), 1, "true")
    source, carets = render(Diagnostic("AS205", "wrong", span)).splitlines()[3:5]
    assert source == "1 | a\\u202e\\u200b\\x1b: \\xa0true"
    assert carets.index("^") == source.index("true")


def test_a_tab_is_four_columns() -> None:
    span = _at(_source("a:\ttrue"), 1, "true")
    assert render(Diagnostic("AS205", "wrong", span)).splitlines()[3:5] == [
        "1 | a:    true",
        "  |       ^^^^",
    ]


@given(st.text())
def test_printable_text_moves_no_cursor_and_stays_as_it_is(text: str) -> None:
    shown = printable(text)
    assert shown.isprintable()
    assert printable(shown) == shown
    if text.isprintable():
        assert shown == text


@pytest.mark.parametrize(
    ("text", "columns"),
    [("conv", 4), ("3 × 8", 5), ("名前", 4), ("e\u0301", 1), ("\u20dd", 0), ("ﾊ", 1), ("⌊", 1)],
)
def test_cells_are_the_columns_of_a_terminal(text: str, columns: int) -> None:
    assert cells(text) == columns


def test_cells_agree_with_unicode_for_every_letter_of_the_basic_plane() -> None:
    for code in range(0x20, 0xD800):
        character = chr(code)
        if character.isprintable():
            marks = unicodedata.category(character) in ("Mn", "Me")
            wide = unicodedata.east_asian_width(character) in ("W", "F")
            assert cells(character) == (0 if marks else 2 if wide else 1)


# Colour

_ESCAPE = re.compile(r"\x1b\[[0-9;]*m")


def test_colours_change_nothing_but_colour() -> None:
    label = Label(_at(SOURCE, 3, "[3, 8, 8]"), "this is the input")
    trail = (Label(_at(SOURCE, 3, "[3, 8, 8]"), "`input` is 3 × 8 × 8"),)
    diagnostic = Diagnostic("AS301", "wrong", _at(SOURCE, 5, "9"), "help", (label,), trail)
    coloured = render(diagnostic, Style(60, colour=True, wraps=True))
    assert _ESCAPE.sub("", coloured) == render(diagnostic, WRAPPED)
    assert coloured.startswith("\x1b[1;31merror[AS301]\x1b[0m\x1b[1m: wrong\x1b[0m\n")
    assert "\x1b[1;31m^\x1b[0m" in coloured and "\x1b[1;34m---------\x1b[0m" in coloured
    assert "\x1b[1;36mhelp\x1b[0m: help" in coloured
    # Every colour ends in its line.
    assert all(line.count("\x1b[") == 2 * line.count("\x1b[0m") for line in coloured.splitlines())


def test_a_warning_is_yellow_and_one_that_counts_as_an_error_red() -> None:
    warning = Diagnostic("AS121", "differs", _at(SOURCE, 5, "9"))
    style = Style(colour=True)
    assert render(warning, style).startswith("\x1b[1;33mwarning[AS121]\x1b[0m")
    assert render(warning._replace(raised=True), style).startswith("\x1b[1;31merror[AS121]\x1b[0m")


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("environment", "on_terminal", "elsewhere"),
    [
        ({}, True, False),
        ({"TERM": "dumb"}, False, False),
        ({"NO_COLOR": "1"}, False, False),
        ({"NO_COLOR": ""}, True, False),
        ({"FORCE_COLOR": "1"}, True, True),
        ({"FORCE_COLOR": "0"}, True, False),
        ({"CLICOLOR_FORCE": "1"}, True, True),
        ({"CLICOLOR_FORCE": "0"}, True, False),
        ({"CLICOLOR": "0"}, False, False),
        ({"FORCE_COLOR": "1", "TERM": "dumb"}, True, True),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False, False),
    ],
)
def test_the_environment_says_whether_there_is_colour(
    environment: dict[str, str], on_terminal: bool, elsewhere: bool
) -> None:
    assert style_for(_Terminal(), "auto", environment).colour is on_terminal
    assert style_for(io.StringIO(), "auto", environment).colour is elsewhere
    for stream in (_Terminal(), io.StringIO()):
        assert style_for(stream, "always", environment).colour
        assert not style_for(stream, "never", environment).colour


@pytest.mark.parametrize(
    ("columns", "width", "wraps"),
    [("72", 72, True), ("10", 40, True), ("0", 100, False), ("wide", 100, False), ("", 100, False)],
)
def test_columns_says_how_wide_the_terminal_is(columns: str, width: int, wraps: bool) -> None:
    style = style_for(io.StringIO(), "auto", {"COLUMNS": columns})
    assert (style.width, style.wraps) == (width, wraps)


def test_a_terminal_of_unknown_width_has_100_columns() -> None:
    assert style_for(_Terminal(), "auto", {}) == Style(100, True, True)


# The end


def test_the_summary_counts_what_there_is_and_names_the_codes() -> None:
    span = _at(SOURCE, 5, "9")
    error, warning = Diagnostic("AS301", "wrong", span), Diagnostic("AS121", "differs", span)
    fixed = error._replace(code="AS201", fix=Fix("mend it", (Edit(span, "1"),)))
    for found, says in (
        ([error], "1 error; more about it: `archspec explain AS301`"),
        ([warning, warning], "2 warnings; more about it: `archspec explain AS121`"),
        (
            [warning, error, fixed],
            "2 errors, 1 warning; `archspec fix` mends 1; "
            "more about them: `archspec explain AS121 AS301 AS201`",
        ),
        (
            [warning._replace(raised=True), error, fixed, error._replace(code="AS302")],
            "4 errors; `archspec fix` mends 1; "
            "more about them: `archspec explain AS121 AS301 AS201`",
        ),
    ):
        assert summary(found) == says
