"""A short spec can ask for a great deal: what is too much is refused."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from archspec.diagnostics import MOST_ERRORS, Sink
from archspec.document.files import MOST_FILES
from archspec.document.model import MOST_STEPS
from archspec.document.settings import weight
from archspec.document.symbols import MOST_SYMBOLS
from archspec.pipeline import Compiled, compile_file
from archspec.source import MOST_VALUES, decode, parse
from archspec.symbolic.symbols import MOST_TIES
from tests.specs import codes_of, compiled, errors_of, spec

_LIST = ", ".join(["1"] * 800)
_ROWS = ", ".join(["[1, 2, 3]"] * 200)


def _repeated(step: str, sections: str) -> str:
    return spec(f"- {step.replace('@', f'repeat: {MOST_STEPS}')}", sections=sections)


TOO_MUCH = {
    "a list for the fields of many steps": (
        _repeated("scale: {@, value: $a}", f"vars: {{a: [{_LIST}]}}"),
        "AS501",
    ),
    "a list of lists for the fields of many steps": (
        _repeated("filter: {@, kernel: $a, padding: same}", f"vars: {{a: [{_ROWS}]}}"),
        "AS501",
    ),
    "names of values for many steps": (
        _repeated("add: {@, from: $a}", f"vars: {{a: [{', '.join(['input'] * 800)}]}}"),
        "AS501",
    ),
    "expressions for many steps": (
        _repeated(f"scale: {{@, value: [{', '.join(['$a + $a'] * 90)}]}}", "vars: {a: 1}"),
        "AS501",
    ),
    "expressions for many shapes that are expected": (
        _repeated(
            f"sequential: {{@, layers: [relu: {{expect: [{', '.join(['$a'] * 90)}]}}]}}",
            "vars: {a: 1}",
        ),
        "AS501",
    ),
    "defaults of expressions for many calls": (
        _repeated(
            "b: {@}",
            f"vars: {{a: 1}}\nblocks: {{b: {{args: {{c: [{', '.join(['$a'] * 90)}]}}, "
            "layers: [scale: $c]}}",
        ),
        "AS501",
    ),
    "variables for many branches": (
        spec(
            f"- add: {{branches: [{', '.join(['[relu]'] * 600)}]}}",
            sections=f"vars: {{{', '.join(f'v{n}: 1' for n in range(1000))}}}",
        ),
        "AS501",
    ),
    "a list that variables make": (
        spec("- max_pool: [$a, 1]", sections=f"vars: {{a: [{_LIST}, {_LIST}]}}"),
        "AS104",
    ),
    "a comparison of lists": (
        spec("- relu: {when: $a == $b}", sections=f"vars: {{a: [{_ROWS}], b: [{_ROWS}]}}"),
        "AS403",
    ),
    "a comparison of texts": (
        spec("- relu: {when: $a == $b}", sections=f"vars: {{a: {'x' * 500}, b: {'x' * 500}}}"),
        "AS403",
    ),
    "a name that is a list": (spec("- relu: {name: $a}", sections="vars: {a: [1, 2]}"), "AS207"),
    "steps that are written out": (spec("- relu\n" * (MOST_STEPS + 1)), "AS501"),
    "steps of a block that nothing calls": (
        spec("- relu", sections=f"blocks: {{b: {{layers: [{'relu, ' * MOST_STEPS}]}}}}"),
        "AS501",
    ),
    "expressions": (
        spec("- relu", sections=f"vars: {{a: 1, b: [{'$a + $a, ' * 60_000}]}}"),
        "AS104",
    ),
    "a long text that is said often": (
        f"a: &a {'x' * 200_000}\nb: [{'*a, ' * 60}]\n",
        "AS104",
    ),
    "directives": ("%A b\n" * 11 + "---\n" + spec("- relu"), "AS105"),
    "directives behind other ends of lines": ("%A b\r" * 11 + "---\r" + spec("- relu"), "AS105"),
    "imports": (
        spec(
            "- relu",
            sections="imports: {"
            + ", ".join(f"{'./' * n}library.yaml: []" for n in range(MOST_FILES + 1))
            + "}",
        ),
        "AS104",
    ),
    "symbolic sizes": (
        "archspec: 1\nname: t\nlayers: [relu: {from: i1}]\ninputs: {"
        + ", ".join(f"i{n}: [3, H{n}]" for n in range(MOST_SYMBOLS + 1))
        + "}\n",
        "AS501",
    ),
    "conditions that tie sizes together": (
        "archspec: 1\nname: t\ninputs: {x: [3, H], y: [3, W]}\nlayers:\n"
        + "".join(
            f"- add: {{branches: [[pad: {{padding: {n}, from: x}}, max_pool: {n}], "
            f"[pad: {{padding: {n}, from: y}}, max_pool: {n}]], from: x}}\n"
            for n in range(2, MOST_TIES + 4)
        ),
        "AS307",
    ),
    "questions about sizes": (
        "archspec: 1\nname: t\ninput: [3, H, W]\nlayers:\n"
        + "".join(
            f"- conv: {{out_channels: 3, kernel_size: 3, stride: {n}, padding: 1}}\n"
            f"- upsample: {n}\n"
            for n in (2, 3, 5, 7, 11, 13, 17, 19, 23) * 40
        ),
        "AS307",
    ),
}


@pytest.mark.parametrize("title", TOO_MUCH)
def test_what_is_too_much_is_refused(title: str) -> None:
    text, code = TOO_MUCH[title]
    found = errors_of(compiled(text))
    assert code in {one.code for one in found}
    assert all(one.help for one in found)


WITHIN = {
    "as many steps as there may be": spec(f"- relu: {{repeat: {MOST_STEPS}}}"),
    "a chain of 10,000 layers, with names": spec(
        "".join(
            f"- conv: {{name: conv{n}, out_channels: 8, kernel_size: 3, stride: 1, padding: 1, "
            f"bias: false}}\n- batch_norm: {{name: norm{n}, eps: 0.001, momentum: 0.1}}\n"
            f"- relu: {{name: relu{n}}}\n"
            for n in range(3333)
        )
    ),
    "a list for some steps": spec(
        "- scale: {repeat: 200, value: $a}",
        input="[800, 8, 8]",
        sections=f"vars: {{a: [{_LIST}]}}",
    ),
    "ten directives": "".join(f"%TAG !a{n}! !b\n" for n in range(10)) + f"---\n{spec('- relu')}",
    "a text of many lines that begin with a sign": spec(
        "- relu", sections="description: |\n" + "  % of all\n" * 50
    ),
}


@pytest.mark.parametrize("title", WITHIN)
def test_what_is_within_the_limits_is_checked(title: str) -> None:
    assert codes_of(WITHIN[title]) == []


def _errors(count: int) -> str:
    return spec("".join(f"- relu: {{f{n}: 1}}\n" for n in range(count)))


def test_as_many_errors_as_there_may_be_are_all_reported() -> None:
    assert codes_of(_errors(MOST_ERRORS)) == ["AS203"] * MOST_ERRORS


def test_of_more_errors_the_first_are_reported_and_that_there_are_more() -> None:
    found = compiled(_errors(MOST_ERRORS + 500))
    assert [one.code for one in found.diagnostics] == ["AS203"] * MOST_ERRORS + ["AS503"]
    assert not found.ok and not found.complete
    assert f"more than {MOST_ERRORS:,} errors" in found.diagnostics[-1].message


def test_errors_of_the_text_count_with_those_of_the_document() -> None:
    twice = "\n".join(f"a{n}: 1\na{n}: 2" for n in range(600))
    found = codes_of(f"{twice}\n{_errors(600)}")
    assert found.count("AS102") == 600 and "AS503" in found
    assert len(found) == MOST_ERRORS + 1


def test_warnings_are_no_errors_however_many_there_are() -> None:
    found = compiled(spec("- relu", sections=f"references: [{'no, ' * 3000}]"))
    assert found.ok and len(found.diagnostics) == 3000


def test_a_repeat_is_reported_once_however_much_help_there_is() -> None:
    for step in ("relu: {@, from: nowhere}", "$w: {@}", "b: {@, b: 1}"):
        sections = "vars: {w: rleu}\nblocks: {b: {args: {a: 1}, layers: [scale: $a]}}"
        assert len(codes_of(_repeated(step, sections))) == 1


def test_a_circle_of_many_blocks_is_told_in_few_words() -> None:
    names = [f"b{n}" for n in range(2000)]
    blocks = ", ".join(
        f"{name}: {{layers: [{other}]}}"
        for name, other in zip(names, [*names[1:], names[0]], strict=True)
    )
    (error,) = errors_of(compiled(spec("- relu", sections=f"blocks: {{{blocks}}}")))
    assert error.code == "AS209" and len(error.message) < 200
    assert "b0 → b1 → " in error.message and error.message.endswith("… → b0")


# What is counted


@pytest.mark.parametrize(
    ("value", "counted"),
    [
        (1, 1),
        ("a" * 99, 1),
        ("a" * 250, 3),
        ((), 1),
        ((1, (2, 3)), 5),
        ({"a": (1,), "b": 2}, 4),
        ((1,) * 200, 101),
    ],
)
def test_the_weight_of_a_value_is_how_many_values_it_holds(value: object, counted: int) -> None:
    assert weight(value, 100) == counted


def test_a_value_nested_too_deep_weighs_too_much() -> None:
    value: object = 1
    for _ in range(100):
        value = (value,)
    assert weight(value, 1000) == 1001


def _fits(text: str) -> bool:
    sink = Sink()
    source = decode("a", text.encode(), sink)
    return source is not None and parse(source, sink) is not None


@pytest.mark.parametrize(
    ("made", "each"),
    [
        (lambda n: f"[{', '.join(['a'] * n)}]", 1),
        (lambda n: f"[{', '.join(['{a: 1}'] * n)}]", 3),
        (lambda n: f"[&a {'a' * 100}, {'*a, ' * (n - 1)}]", 2),
        (lambda n: f"[{', '.join(['$abcdefg'] * n)}]", 3),
    ],
)
def test_a_file_holds_so_many_values(made: Callable[[int], str], each: int) -> None:
    most = (MOST_VALUES - 1) // each
    assert _fits(made(most))
    assert not _fits(made(most + 1))


@pytest.fixture
def library(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, str], Compiled]:
    folder = tmp_path_factory.mktemp("library")

    def check(text: str, other: str) -> Compiled:
        (folder / "spec.yaml").write_text(text)
        (folder / "library.yaml").write_text(other)
        return compile_file(str(folder / "spec.yaml"))

    return check


def test_steps_and_errors_of_other_files_count(library: Callable[[str, str], Compiled]) -> None:
    text = spec("- relu\n" * 15_000, sections="imports: {library.yaml: [b]}")
    steps = f"archspec: 1\nblocks: {{b: {{layers: [{'relu, ' * 6000}]}}}}\n"
    assert [one.code for one in errors_of(library(text, steps))] == ["AS501"]
    wrong = f"archspec: 1\nblocks: {{b: {{layers: [{'rleu, ' * 1100}]}}}}\n"
    found = library(spec("- b", sections="imports: {library.yaml: [b]}"), wrong)
    assert found.diagnostics[-1].code == "AS503"
