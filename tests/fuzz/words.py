"""The words of the language, and values that have hurt programs before."""

from __future__ import annotations

from archspec.document.expectations import Expectations
from archspec.document.model import COMMON, SHORTCUTS, STRUCTURES, Sections
from archspec.layers import LAYERS
from archspec.preprocess import Preprocess
from archspec.source import LONGEST_NUMBER

KINDS = tuple(LAYERS)
FIELDS = tuple(
    dict.fromkeys(field for kind in LAYERS.values() for field in (*kind.model_fields, "branches"))
)
SECTIONS = (*Sections.model_fields, *Expectations.model_fields, *Preprocess.model_fields)
WORDS = tuple(
    dict.fromkeys(
        [
            *(*KINDS, *FIELDS, *SECTIONS, *COMMON, *STRUCTURES, *SHORTCUTS),
            *("args", "inline", "previous", "input", "same", "same_upper", "same_lower", "valid"),
            *("total", "zeros", "reflect", "circular", "nearest", "linear", "bicubic", "all"),
            *("true", "false", "null", "~", "no", "yes", "H", "W", "unit", "helper", "width"),
            *("base.yaml", "library.yaml", "labels.txt", "circle.yaml", "broken.yaml", "resnet50"),
            *("kernal_size", "Conv2d", "stirde", "in_channels", "dense", "bn"),
        ]
    )
)

EXPRESSIONS = (
    *("$in", "$in * 2", "$index", "$number", "$first", "$last", "$width", "$depths", "$a", "$b"),
    *("$depths[0]", "$depths[-1]", "$depths[$index]", "$in // 0", "1 / $in", "not $first"),
    *("2 if $first else 1", "min($in, 4)", "max($a, $b)", "divisible($in, 8)", "round($in / 3)"),
    *(
        "$a == $a",
        "$in < 4 < $in",
        "$a and $b",
        "$in ** 9",
        "$in.real",
        "$in()",
        "__import__('os')",
    ),
    *("[$in for x in $in]", "lambda: $in", "$in[$in]", "{$index + 2}", "a$number", "$", "$$in"),
    *("ceil($in * 1e300 * 1e300)", "$in - 99999999999", "-$in", "+$first", "$in % 0", "'$a'"),
    *("$in + 'a'", "($in", "$in $in", "f'{$in}'", "$in if", "$in:=1", "*$in", "$in\n+ 1", "x$a"),
)

VALUES = (
    *("0", "1", "-1", "2", "3", "7", "64", "1000", "0.5", "1.5", "-0.0", "1e-9", "1e308", "1e400"),
    *(
        ".nan",
        ".inf",
        "-.inf",
        "2147483648",
        "1099511627776",
        "1099511627777",
        "4611686018427387905",
    ),
    *(
        "9" * LONGEST_NUMBER,
        "9" * (LONGEST_NUMBER + 1),
        "0x7fffffff",
        "0o17",
        "010",
        "1_000",
        "1:30",
    ),
    *("[]", "{}", "[1]", "[1, 2]", "[[1, 0], [0, 1]]", "[1, [2, [3]]]", "{a: 1}", "{total: 3}"),
    *('""', "''", '"a b"', "a b", "é", "日本", "a-b", "a.b", "../x", "/dev/zero", "..", ".", "<="),
    *('"<= 5M"', "5B", "[3, H, W]", "[3, 8, 8]", "[H, W]", "[3]", "[1, 1, 1, 1, 1]", "forward"),
    *("!!str 3", "!!python/object/apply:os.system [ls]", "&x 1", "*x", "<<", "? a", "| a", "> a"),
    *('"\\u202e"', '"\\0"', '"\\x1b[31m"', "'it''s'", "# c", "%TAG", "- a", "a: b", "a:", ": b"),
    *("x" * 101, "conv1", "conv1.weight", "layer1.0", "identity", "self", "None", "class"),
)

BYTES = (
    *(b"\x00", b"\x07", b"\x1b[2J", b"\x7f", b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xef\xbb\xbf"),
    *(b"\xff\xfe", b"\xfe\xff", b"\r", b"\r\n", b"\n\r", b"\t", b"\n\t", b" \t", b"\x0b", b"\x0c"),
    *("\x85".encode(), "\u2028".encode(), "\u2029".encode(), "\u202e".encode(), "\u2066".encode()),
    *(
        "\ufeff".encode(),
        "\u200b".encode(),
        "\u00a0".encode(),
        "\ufffe".encode(),
        "\U0001f600".encode(),
    ),
    *("e\u0301".encode(), "\U000e0041".encode(), "\u3000".encode(), "\x9b".encode()),
    *(
        b"{",
        b"}",
        b"[",
        b"]",
        b",",
        b":",
        b": ",
        b"- ",
        b"-",
        b"?",
        b"? ",
        b"&a ",
        b"*a",
        b"!",
        b"|",
    ),
    *(b">", b"'", b'"', b"%", b"@", b"`", b"#", b" #", b"\\", b"$", b"---\n", b"...\n", b"--- "),
    *(b"\n", b"\n\n", b" ", b"  ", b"<<: *a", b"# archspec: ignore", b"# archspec: ignore[AS701]"),
    *(b"# archspec: ignore-file[AS121,", b"%YAML 1.1\n", b"=", b"~", b".", b"/"),
)
