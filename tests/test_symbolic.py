"""Symbolic input sizes: formulas, conditions, what is reported of them, and what is wrong."""

from __future__ import annotations

import itertools
import json
import random
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archspec.analysis.receptive_field import receptive_fields
from archspec.analysis.smallest_input import shapes_at, smallest_input
from archspec.layers import LAYERS
from archspec.layers.base import LayerError
from archspec.layers.pool import MaxPool
from archspec.layers.sizes import (
    NeedsNumber,
    at_least,
    divides,
    equal,
    larger,
    number_at,
    smaller,
    total,
)
from archspec.reports import json as json_report
from archspec.reports import text as text_report
from archspec.symbolic import Symbols
from archspec.symbolic.constraints import constraints
from tests.kinds import CASES
from tests.specs import compiled, errors_of, graph_of, places_of, shapes_of, spec, unmarked
from tests.symbolic import free, symbolic, texts
from tests.zoo import load_at


def one_symbol() -> tuple[Symbols, Any]:
    symbols = Symbols(("H",))
    return symbols, symbols.size("H")


def two_symbols() -> tuple[Symbols, Any, Any]:
    symbols = Symbols(("H", "W"))
    return symbols, symbols.size("H"), symbols.size("W")


# Formulas


def test_formulas_are_shown_as_mathematics_and_as_code() -> None:
    _, h, w = two_symbols()
    shown = [
        (h, "H", "H"),
        (h - 4, "(H − 4)", "H - 4"),
        (2 * h + 1, "(2H + 1)", "2 * H + 1"),
        (h // 2, "⌊H / 2⌋", "H // 2"),
        ((h + 1) // 2, "⌈H / 2⌉", "(H + 1) // 2"),
        ((3 * h + 1) // 4, "⌊(3H + 1) / 4⌋", "(3 * H + 1) // 4"),
        ((h - 1) // 2 * 2 + 1, "(2⌈H / 2⌉ − 1)", "2 * ((H + 1) // 2) - 1"),
        (64 * (h - 4) * w, "(64 × (H − 4) × W)", "64 * (H - 4) * W"),
        (-(h // 2), "(−⌊H / 2⌋)", "-(H // 2)"),
        (5 - h, "(5 − H)", "5 - H"),
        (w - h * h - 1, "(W − H² − 1)", "W - H * H - 1"),
        (2000 * h * h, "(2,000 × H²)", "2000 * H * H"),
        (smaller(h, w), "min(H, W)", "min(H, W)"),
    ]
    for size, mathematics, code in shown:
        assert (str(size), size.code) == (mathematics, code)


def test_a_floor_in_a_floor_becomes_one() -> None:
    _, h = one_symbol()
    once = h
    for _ in range(5):
        once = (once + 1) // 2  # five convolutions of stride 2
    assert str(once) == "⌈H / 32⌉"
    assert once == (h + 31) // 32
    assert (h // 3 + 2) // 4 == (h + 6) // 12
    assert 2 * (h // 2) // 2 == h // 2
    assert -(-h // 7) == (h + 6) // 7


def test_what_drops_out_leaves_a_number() -> None:
    _, h, w = two_symbols()
    assert (h + 3) - h == 3 and type((h + 3) - h) is int
    assert 64 * h * w // (h * w) == 64
    assert (h * w * 12) // (w * 3) == 4 * h
    with pytest.raises(NeedsNumber):
        (h + 1) * w // h


def test_a_size_refuses_to_be_a_number() -> None:
    _, h = one_symbol()
    asked: list[Callable[[Any], Any]] = [bool, int, float, range, round, abs, len]
    asked += [lambda n: n < 3, lambda n: n >= 3, lambda n: n % 2, lambda n: n / 2, lambda n: 8 // n]
    asked += [lambda n: max(n, 1), lambda n: [0, 1][n], lambda n: n**2, lambda n: n * 0.5]
    for ask in asked:
        with pytest.raises(NeedsNumber, match="needs a number"):
            ask(h)
    assert h != 3 and h in {h, 3}


_NAMES = ("H", "W")

Formula = Any
"""A symbol's name, or an operation with its operands: `("//", "H", 2)`."""

_OPERATIONS: dict[str, Callable[[Any, Any], Any]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "//": lambda a, b: a // b,
    "-//": lambda a, b: -(-a // b),
    "max": larger,
    "min": smaller,
}


def value(formula: Formula, at: dict[str, Any]) -> Any:
    """What a formula comes to, with numbers or with sizes."""
    if isinstance(formula, tuple):
        operation, *operands = formula
        return _OPERATIONS[operation](*[value(operand, at) for operand in operands])
    return at.get(formula, formula)


def _grown(inner: st.SearchStrategy[Formula]) -> st.SearchStrategy[Formula]:
    return st.one_of(
        st.tuples(st.sampled_from(("+", "max", "min")), inner, inner),
        st.tuples(st.sampled_from(("-", "*")), inner, st.integers(-9, 9)),
        st.tuples(st.sampled_from(("//", "-//")), inner, st.integers(1, 7)),
    )


FORMULAS = st.recursive(st.sampled_from(_NAMES), _grown, max_leaves=6)


@settings(max_examples=150, deadline=None)
@given(FORMULAS)
def test_a_formula_is_what_the_numbers_give(formula: Formula) -> None:
    symbols, h, w = two_symbols()
    symbols.settle()
    size = value(formula, {"H": h, "W": w})
    for numbers in itertools.product((1, 2, 3, 7, 30, 31), repeat=2):
        values = dict(zip(_NAMES, numbers, strict=True))
        assert number_at(size, values) == value(formula, values), (str(size), values)


@settings(max_examples=100, deadline=None)
@given(FORMULAS)
def test_what_is_written_of_a_formula_says_it(formula: Formula) -> None:
    symbols, h, w = two_symbols()
    symbols.settle()
    size = value(formula, {"H": h, "W": w})
    if type(size) is not int and size.code.count("*") <= 8:
        assert symbols.is_written(size, size.code)
        assert not symbols.is_written(size + 1, size.code)


def test_many_figures_are_added_up_at_once() -> None:
    _, h, w = two_symbols()
    assert str(total([3 * h * w, 4, 2 * h * w, h])) == "(5 × H × W + H + 4)"
    assert total([1, 2]) == 3


# Questions


Ask = Callable[[Any], bool]

QUESTIONS: dict[str, tuple[Ask, str]] = {
    "H + 1 is at least 2 always": (lambda h: at_least(h + 1, 2), ""),
    "a window of 7 rows": (lambda h: at_least(h, 7), "H at least 7"),
    "3 rows after two halvings": (lambda h: at_least(h // 4, 3), "H at least 12"),
    "twice a half is the whole": (lambda h: equal(h // 2 * 2, h), "H divisible by 2"),
    "a multiple of 12, and more": (
        lambda h: divides(12, h) and at_least(h, 30),
        "H divisible by 12, at least 36",
    ),
    "halves of odd sizes": (lambda h: equal((h - 1) // 2 * 2, h - 1), "H = 1 plus a multiple of 2"),
    "one more than a multiple of 4, and more": (
        lambda h: divides(4, h - 1) and at_least(h, 30),
        "H ≡ 1 (mod 4), at least 33",
    ),
    "a fifth that is the same rounded up": (
        lambda h: equal(-(-h // 5), h // 5),
        "H divisible by 5",
    ),
    "no multiple of 3": (lambda h: equal(-(-h // 3), h // 3 + 1), "H not divisible by 3"),
    "seven thirty-seconds": (lambda h: equal(h // 32, 7), "H from 224 to 255"),
    "one number": (lambda h: equal(h, 9), "H = 9"),
    "a few numbers": (lambda h: equal(h // 32, 1) and divides(10, h), "H one of 40, 50, 60"),
    "a small one, or larger ones": (
        lambda h: at_least(smaller(h // 4 * 4 - h + 3, 0) + larger(h - 9, 0), 0),
        "",
    ),
    "two residues": (lambda h: equal((h + 3) // 6, h // 6), "H ≡ 0, 1, 2 (mod 6)"),
    "not 1 or 2 alone": (lambda h: at_least(h * h, 9), "H² at least 9"),
}


@pytest.mark.parametrize("case", QUESTIONS)
def test_what_is_asked_becomes_a_condition_in_words(case: str) -> None:
    ask, words = QUESTIONS[case]
    symbols, h = one_symbol()
    assert ask(h)
    assert ", ".join(constraints(symbols)) == words
    for number in range(1, 300):
        # The very questions, asked of the number itself
        assert symbols.admits({"H": number}) == ask(number), number


@settings(max_examples=100, deadline=None)
@given(FORMULAS, st.sampled_from(("at least", "equal", "divides")), st.integers(-20, 40))
def test_a_condition_admits_what_the_question_does(
    formula: Formula, relation: str, number: int
) -> None:
    def ask(at: Any) -> bool:
        size = value(formula, {"H": at, "W": at})
        if relation == "divides":
            return divides(abs(number) + 1, size)
        return at_least(size, number) if relation == "at least" else equal(size, number)

    symbols, h = one_symbol()
    admitted = [n for n in range(1, 200) if ask(n)]
    if ask(h):
        assert [n for n in range(1, 200) if symbols.admits({"H": n})] == admitted
        found = symbols.smallest()
        assert found is not None and (not admitted or found == {"H": admitted[0]})
    else:
        assert not admitted


def test_conditions_hold_together() -> None:
    symbols, h = one_symbol()
    assert divides(4, h) and divides(6, h)
    assert constraints(symbols) == ["H divisible by 12"]
    assert not equal(h, 18)  # which is refused, and forgotten
    assert not divides(2, h + 1)
    assert constraints(symbols) == ["H divisible by 12"]
    assert symbols.smallest() == {"H": 12}


def test_conditions_may_tie_sizes_together() -> None:
    symbols, h, w = two_symbols()
    assert equal(2 * (h // 2), w) and at_least(h, 7)
    assert constraints(symbols) == ["H at least 7", "2⌊H / 2⌋ = W"]
    assert symbols.smallest() == {"H": 8, "W": 8}
    assert not equal(w + 2, h)
    symbols, h, w = two_symbols()
    assert at_least(h * w, 2)
    assert constraints(symbols) == ["H × W at least 2"]
    assert symbols.smallest() == {"H": 1, "W": 2}


def test_ties_are_followed_far_away() -> None:
    symbols, h, w = two_symbols()
    assert at_least(h, 3000) and equal(w, 2 * h + 1)
    assert symbols.smallest() == {"H": 3000, "W": 6001}
    assert not divides(2, w)
    symbols = Symbols(("A", "B", "C"))
    a, b, c = (symbols.size(name) for name in symbols.names)
    assert at_least(a, 2**31) and equal(b, a + 1) and equal(3 * c, b)
    assert symbols.smallest() == {"A": 2**31, "B": 2**31 + 1, "C": (2**31 + 1) // 3}
    assert not equal(a, c)
    assert constraints(symbols) == [f"A at least {2**31}", "B = A + 1", "3C = B"]


def test_a_condition_is_said_without_what_both_sides_have() -> None:
    symbols, h, w = two_symbols()
    assert equal(w - 2, h - 2) and divides(12, 6 * h * w - 24 * h) and at_least(h * w + 2, 6)
    said = ["W = H", "H × W − 4H divisible by 2", "H × W at least 4"]
    assert constraints(symbols) == said
    assert symbols.smallest() == {"H": 2, "W": 2}


def test_symbols_that_no_tie_joins_are_looked_for_apart() -> None:
    symbols = Symbols(("H", "W", "U", "V"))
    h, w, u, v = (symbols.size(name) for name in symbols.names)
    assert equal(h // 2, u) and equal(w // 3, v)
    assert at_least(u, 200) and at_least(v, 300)
    assert symbols.smallest() == {"H": 400, "W": 900, "U": 200, "V": 300}


def test_the_search_ends_where_there_are_few_numbers_to_try() -> None:
    symbols, h, w = two_symbols()
    assert equal(h, 12) and equal(w, h + 1)
    assert not divides(2, w)
    assert equal(w, 13) and not equal(h * w, 155)
    assert symbols.smallest() == {"H": 12, "W": 13}


def test_a_condition_far_away_is_found_without_trying() -> None:
    symbols, h = one_symbol()
    assert at_least(h // 1024, 2**21) and divides(4096, h)
    assert constraints(symbols) == [f"H divisible by 4096, at least {2**31}"]
    assert symbols.smallest() == {"H": 2**31}


# Every kind, against the rule's own answer for numbers


@pytest.mark.parametrize("kind", LAYERS)
def test_formulas_and_conditions_are_what_the_rule_says_of_numbers(kind: str) -> None:
    cases = [made for case in CASES if case.kind == kind and (made := symbolic(case))]
    assert cases or kind == "position_embedding", "no case of the kind has a size"
    for made in cases:
        layer, output = made.case.layer, made.case.layer.output_shape(made.shapes)
        macs = layer.macs(made.shapes, output)
        for values in made.values(*range(1, 20)) + made.values(1, 6, 12, 30, step=6):
            shapes = made.numbers(values)
            try:
                expected = layer.output_shape(shapes)
            except LayerError:
                assert not made.symbols.admits(values), (made.case.id, values)
                continue
            assert made.symbols.admits(values), (made.case.id, values)
            assert tuple(number_at(n, values) for n in output) == expected, (made.case.id, values)
            assert number_at(macs, values) == layer.macs(shapes, expected)


# Whole networks


def test_a_unet_says_what_its_poolings_divide() -> None:
    graph = free("unet")
    assert graph.symbols is not None
    assert constraints(graph.symbols) == ["H divisible by 16", "W divisible by 16"]
    assert texts(next(iter(graph.outputs.values())).shape) == [2, "H", "W"]
    found = smallest_input(graph)
    assert found is not None and found.shapes == {"input": (3, 16, 16)}


@pytest.mark.parametrize(
    ("network", "least", "last"),
    [
        ("resnet50", 1, "⌈H / 32⌉"),
        ("vgg11", 32, "⌊H / 32⌋"),
        ("densenet121", 29, "⌊(H + 3) / 32⌋"),
        ("googlenet", 15, "⌊(H + 17) / 32⌋"),
        ("squeezenet1_0", 21, "(⌊(H + 11) / 16⌋ − 1)"),
        ("alexnet", 63, "(⌊(H + 1) / 32⌋ − 1)"),
    ],
)
def test_a_networks_least_size_is_torchvisions(network: str, least: int, last: str) -> None:
    graph = free(network)
    assert graph.symbols is not None
    words = [f"{name} at least {least}" for name in ("H", "W")] if least > 1 else []
    assert constraints(graph.symbols) == words
    local = [node for node in graph.nodes if len(node.output.shape) == 3]
    heights = [str(node.output.shape[1]) for node in local if type(node.output.shape[1]) is not int]
    assert heights[-1] == last


@pytest.mark.parametrize(
    "network", ["unet", "resnet18", "inception_v3", "fcn_resnet50", "srresnet", "darknet53"]
)
def test_a_networks_formulas_are_its_shapes_at_every_size(network: str) -> None:
    graph = free(network)
    assert graph.symbols is not None
    drawn = random.Random(0)
    pairs = [{"H": drawn.randint(1, 260), "W": drawn.randint(1, 260)} for _ in range(200)]
    admitted = [values for values in pairs if graph.symbols.admits(values)][:4]
    admitted.append(dict(graph.symbols.smallest() or {}))
    for values in admitted:
        numbers = load_at(network, shapes_at(graph, values))
        for node, found in zip(graph.nodes, numbers.nodes, strict=True):
            assert [number_at(n, values) for n in node.output.shape] == [*found.output.shape]
            assert number_at(node.signature.macs, values) == found.signature.macs
        assert [t.shape for _, t in graph.tensors()] == [t.shape for _, t in numbers.tensors()]


def test_sizes_may_be_numbers_for_some_and_the_same_for_others() -> None:
    layers = "- max_pool: {kernel_size: 3, stride: 2}"
    assert texts(shapes_of(graph_of(spec(layers, "[3, H, H]")))["max_pool1"]) == [
        *(3, "(⌈H / 2⌉ − 1)", "(⌈H / 2⌉ − 1)")
    ]
    assert texts(shapes_of(graph_of(spec(layers, "[3, 9, W]")))["max_pool1"]) == [
        *(3, 4, "(⌈W / 2⌉ − 1)")
    ]
    line = graph_of(spec("- conv: {out_channels: 2, kernel_size: 3, stride: 4}", "[1, samples]"))
    assert texts(shapes_of(line)["conv1"]) == [2, "⌊(samples + 1) / 4⌋"]


def test_set_gives_a_size_its_number() -> None:
    text = spec("- max_pool: 2\n- flatten\n- fc: 2", "[3, H, W]")
    assert shapes_of(graph_of(text, H=8, W=6))["flatten1"] == (36,)
    part = graph_of(spec("- max_pool: 2", "[3, H, W]"), H=8)
    assert texts(shapes_of(part)["max_pool1"]) == [3, 4, "⌊W / 2⌋"]
    assert part.symbols is not None and part.symbols.names == ("W",)


def test_equal_sizes_keep_the_simpler_formula() -> None:
    layers = "- max_pool: 4\n- upsample: 4\n- add: {from: [previous, input]}\n- relu"
    graph = graph_of(spec(layers, "[3, H, 12]"))
    assert texts(shapes_of(graph)["upsample1"]) == [3, "4⌊H / 4⌋", 12]
    assert texts(shapes_of(graph)["relu1"]) == [3, "H", 12]


def test_a_shortcut_is_chosen_by_what_holds_for_large_inputs() -> None:
    conv = "conv: {out_channels: 3, kernel_size: 3, padding: 1, stride: 2}"
    layers = f"- residual: {{layers: [{conv}], shortcut: projection}}"
    kinds = [node.kind for node in graph_of(spec(layers, "[3, H, W]")).nodes]
    assert kinds == ["conv", "conv", "batch_norm", "add"]  # ⌈H / 2⌉ is H for 1 alone


def test_receptive_fields_need_no_size() -> None:
    layers = """
        - conv: {out_channels: 4, kernel_size: 3, padding: same_upper, stride: 2}
        - max_pool: {kernel_size: 3, stride: 2, ceil_mode: true}
        - add: {branches: [[], [conv: {out_channels: 4, kernel_size: 3, padding: 1}]]}
    """
    found = receptive_fields(graph_of(spec(layers, "[3, H, W]")))
    known = receptive_fields(graph_of(spec(layers, "[3, 64, 64]")))
    for name, field in known.items():
        reach = found[name]
        assert (reach and [r.size for r in reach]) == (field and [r.size for r in field])


# ceil_mode without a branch


def test_ceil_mode_is_the_least_of_two_counts() -> None:
    """min(⌈(room − extent) / s⌉ + 1, ⌈(size + before) / s⌉), against PyTorch's own rule: round up,
    and drop the last window if it starts past the input and its leading padding.
    """
    for n, k, s, d in itertools.product(range(1, 14), range(1, 5), range(1, 6), (1, 2, 3)):
        extent = d * (k - 1) + 1
        for before, after in itertools.product(range(min(extent, 5)), repeat=2):
            count = (n + before + after - extent + s - 1) // s + 1
            if (count - 1) * s >= n + before:
                count -= 1
            fields = {"kernel_size": k, "stride": s, "dilation": d, "padding": ((before, after),)}
            pool = MaxPool.model_validate({**fields, "ceil_mode": True})
            try:
                (axis,) = pool.axes((1, n))
            except LayerError:
                assert count < 1 or n < d
                continue
            assert axis.output == count, (n, fields)
            read = (count - 1) * s + extent
            assert axis.overhang == max(0, read - (n + before + after))


def test_a_window_may_be_larger_than_its_input_with_ceil_mode_as_in_pytorch() -> None:
    torch = pytest.importorskip("torch")
    for n, k, s in itertools.product(range(1, 6), range(1, 6), range(1, 6)):
        reference = torch.nn.MaxPool1d(k, s, ceil_mode=True)
        pool = MaxPool.model_validate({"kernel_size": k, "stride": s, "ceil_mode": True})
        try:
            expected = reference(torch.zeros(1, 1, n)).shape[2]
        except RuntimeError:
            with pytest.raises(LayerError, match="the window spans"):
                pool.output_shape(((1, n),))
        else:
            assert pool.output_shape(((1, n),)) == (1, expected)


# Reports

UNET = spec(
    """
    - conv: {name: first, out_channels: 8, kernel_size: 3, padding: 1}
    - max_pool: 2
    - conv: {name: second, out_channels: 8, kernel_size: 3, padding: 1}
    - upsample: 2
    - concat: {from: [previous, first]}
    """,
    "[3, H, W]",
)


def test_the_table_has_formulas() -> None:
    report = text_report.layers(graph_of(UNET))
    lines = [" ".join(line.split()) for line in report.splitlines()]
    assert "first conv 8 × H × W 216 8 216 × H × W" in lines
    assert "second conv 8 × ⌊H / 2⌋ × ⌊W / 2⌋ 576 8 576 × ⌊H / 2⌋ × ⌊W / 2⌋" in lines
    assert "concat1 concat 16 × H × W" in lines
    macs = next(line for line in lines if line.startswith("MACs 216"))
    assert macs.startswith("MACs 216 × H × W + 576 × ⌊H / 2⌋ × ⌊W / 2⌋ (")
    assert lines[-2:] == [
        "smallest input 3 × 2 × 2",
        "input sizes H divisible by 2, W divisible by 2",
    ]
    assert "activations follow from H, W" in lines


def test_formulas_are_shown_below_the_layers() -> None:
    report = text_report.layers(graph_of(UNET), formulas=True)
    assert "⌊(H − 2 + 0 + 2) / 2⌋ = ⌊H / 2⌋, ⌊(W − 2 + 0 + 2) / 2⌋ = ⌊W / 2⌋" in report


def test_a_long_sum_is_broken_between_its_terms() -> None:
    conv = "conv: {out_channels: 999, kernel_size: 3, stride: 2}"
    report = text_report.layers(graph_of(spec(f"- {conv}\n" * 6, "[3, H, W]")))
    start = report.index("MACs  ", report.index("parameters"))
    lines = report[start : report.index("weights  ", start)].splitlines()
    assert len(lines) > 2 and all(line.lstrip().startswith("+ ") for line in lines[1:])
    assert all(line.count("(") == line.count(")") for line in lines)


def test_any_size_is_said_to_be_so() -> None:
    report = text_report.layers(graph_of(spec("- relu", "[3, H, W]")))
    assert report.endswith("smallest input   3 × 1 × 1\ninput sizes      any")


def test_json_has_formulas_as_strings() -> None:
    report = json.loads(json.dumps(json_report.report(compiled(UNET))))
    assert report["inputs"] == {"input": [3, "H", "W"]}
    assert report["outputs"] == {"concat1": [16, "H", "W"]}
    assert report["totals"]["params"] == 224 + 584
    assert report["totals"]["macs"] == "216 * H * W + 576 * (H // 2) * (W // 2)"
    assert report["totals"]["activation_bytes"] is None
    assert report["smallest_input"] == {"input": [3, 2, 2]}
    assert report["constraints"] == ["H divisible by 2", "W divisible by 2"]
    assert report["layers"][1]["output"] == [8, "H // 2", "W // 2"]
    assert json_report.report(compiled(spec("- relu")))["constraints"] == []


# What is expected


def test_a_shape_may_be_expected_as_a_formula() -> None:
    layers = """
        - max_pool: {kernel_size: 3, stride: 2, expect: [3, (H - 1) // 2, (W + 1) // 2 - 1]}
        - adaptive_avg_pool: {output_size: 2, expect: [3, 2, 2]}
    """
    sections = "expect: {output: [3, 2, 2], params: 0}"
    graph_of(spec(layers, "[3, H, W]", sections))


@pytest.mark.parametrize("written", ["H // 3", "H // 2 +", "K // 2", "H / 2", "H.x", "9", "H(2)"])
def test_another_formula_is_not_met(written: str) -> None:
    layers = f'- max_pool: {{kernel_size: [2, 1], expect: «AS306»[3, "{written}", W]}}'
    text, places = unmarked(spec(layers, "[3, H, W]"))
    found = compiled(text)
    assert places_of(found) == places
    assert errors_of(found)[0].help == "write `expect: [3, H // 2, W]` if that is what you mean"


def test_the_picture_must_be_one_that_the_sizes_admit() -> None:
    layers = "- max_pool: 4\n- upsample: 4\n- add: {from: [previous, input]}"
    for crop, fits in ((224, True), (226, False)):
        found = compiled(spec(layers, "[3, H, W]", f"preprocess: {{crop: {crop}}}"))
        assert found.ok == fits
    message = errors_of(found)[0].message
    assert message.endswith("the input is 3 × H × W, with H divisible by 4, W divisible by 4")


# What is wrong

BROKEN: dict[str, str] = {
    "symbolic channels": spec("- relu", "[«AS307»C, H, W]"),
    "symbolic features": spec("- relu", "[«AS307»F]"),
    "a size called as a variable": spec("- relu", "[3, «AS208»H, W]", "vars: {H: 3}"),
    "a size called as the batch": spec("- relu", "[3, «AS207»batch, W]"),
    "a size called as a count": spec("- relu", "[3, «AS207»index, W]"),
    "a size with a long name": spec("- relu", f"[3, «AS207»{'H' * 41}, W]"),
    "a size that is no word": spec("- relu", "[3, «AS206»H + 1, W]"),
    "fc of a flattened input": spec("- flatten\n- «AS307»fc: 10", "[3, H, W]"),
    "a norm over all of it": spec("- «AS307»layer_norm: {over: all}", "[3, H, W]"),
    "positions of a free number of tokens": spec(
        "- patch_embedding: {out_channels: 4, patch_size: 4}\n- «AS307»position_embedding",
        "[3, H, W]",
    ),
    "channels that were a size": spec(
        "- permute: [1, 0, 2]\n- «AS307»conv: {out_channels: 3, kernel_size: 1}", "[3, H, W]"
    ),
    "a number from a flat value": spec("- flatten\n- repeat: $in\n", "[3, H]").replace(
        "- repeat: $in", "- relu: {repeat: «AS307»$in}"
    ),
    "a size as a variable": spec("- conv: {out_channels: 3, kernel_size: «AS402»$H}", "[3, H, W]"),
    "shapes that never agree": spec(
        "- max_pool: {kernel_size: 3, stride: 1}\n- add: {from: [previous, «AS304»input]}",
        "[3, H, W]",
    ),
    "conditions that never hold together": spec(
        """
        - max_pool: [2, 1]
        - upsample: [2, 1]
        - add: {from: [previous, input]}
        - pad: {padding: [[1, 0], [0, 0]], name: taller}
        - max_pool: [2, 1]
        - upsample: [2, 1]
        - add: {from: [previous, «AS304»taller]}
        """,
        "[3, H, W]",
    ),
    "a shortcut that is there for even sizes": spec(
        "- residual: {layers: [max_pool: 2, upsample: 2], shortcut: «AS307»if_same_shape}",
        "[3, H, W]",
    ),
    "MACs of no size": spec(
        "- conv: {out_channels: 2, kernel_size: 1}", "[3, H, W]", "expect: {macs: «AS307»6}"
    ),
    "activations of no size": spec(
        "- relu", "[3, H, W]", 'expect: {activation_bytes: «AS307»"< 3M"}'
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_what_is_wrong_is_said_once_and_in_its_place(case: str) -> None:
    text, places = unmarked(BROKEN[case])
    assert places_of(compiled(text)) == places


def test_the_way_out_is_said() -> None:
    (error,) = errors_of(compiled(spec("- max_pool: 2\n- flatten\n- fc: 10", "[3, H, W]")))
    assert "(3 × ⌊H / 2⌋ × ⌊W / 2⌋)" in error.message
    assert error.help == (
        "put `global_avg_pool` before the `flatten`, or `--set H=224 --set W=224`"
    )
    (error,) = errors_of(compiled(spec("- layer_norm: {over: all}", "[3, H, W]")))
    assert error.help == "give the sizes numbers: `--set H=224 --set W=224`"
    (error,) = errors_of(compiled(spec("- relu", "[3, H + 1, W]")))
    assert error.help.endswith("or [3, H, W] for any size")


@pytest.mark.parametrize("value", [0, -3, "x", 2.5, True, 2**41])
def test_a_size_is_set_to_a_size(value: Any) -> None:
    text, places = unmarked(spec("- relu", "[3, «AS206»H, W]"))
    assert places_of(compiled(text, H=value)) == places


def test_a_name_that_is_neither_variable_nor_size_cannot_be_set() -> None:
    (error,) = errors_of(compiled(spec("- relu", "[3, H, W]"), K=3))
    assert error.code == "AS402" and "`H`, `W`" in error.help


def test_formulas_that_grow_without_end_are_refused() -> None:
    text, places = unmarked(spec("- «AS307»upsample: {scale_factor: 1.5, repeat: 40}", "[3, H, W]"))
    assert places_of(compiled(text)) == places


def test_without_sympy_sizes_must_be_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("archspec.symbolic")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "sympy", None)
    text, places = unmarked(spec("- relu", "[3, «AS307»H, W]"))
    found = compiled(text)
    assert places_of(found) == places
    assert errors_of(found)[0].help.startswith('pip install "archspec-nn[symbolic]"')
    assert compiled(text, H=8, W=8).ok


def test_sympy_is_loaded_for_symbolic_sizes_alone() -> None:
    code = "import sys, archspec; archspec.load('resnet50'); print('sympy' in sys.modules)"
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert ran.stdout == "False\n"
