"""The names of steps: what an author may choose, and what a step without one is called."""

from __future__ import annotations

import keyword
import re
from typing import Any

from archspec.diagnostics import Sink, Span
from archspec.document.settings import report_in_text, unknown_variable
from archspec.expressions import Expression, ExpressionError, Names, describe
from archspec.source import Scalar, Value, plain

_NAME = re.compile(r"[A-Za-z0-9_]{1,100}")
_HOLE = re.compile(r"\$([A-Za-z_][A-Za-z0-9_]*)|\{([^{}]*)\}")

FROM_WORDS = frozenset({"previous", "input"})
"""What `from` says without meaning a step's name."""

_MODULE_WORDS = (
    "T_destination add_module add_submodule apply bfloat16 buffers call_super_init children "
    "class_name code compile cpu cuda delete_all_unused_submodules delete_submodule double "
    "dump_patches eval extra_repr float forward get_buffer get_extra_state get_parameter "
    "get_submodule graph half ipu load_state_dict meta modules mtia named_buffers "
    "named_children named_modules named_parameters parameters print_readable recompile "
    "register_backward_hook register_buffer register_forward_hook register_forward_pre_hook "
    "register_full_backward_hook register_full_backward_pre_hook "
    "register_load_state_dict_post_hook register_load_state_dict_pre_hook register_module "
    "register_parameter register_state_dict_post_hook register_state_dict_pre_hook "
    "requires_grad_ set_extra_state set_submodule share_memory state_dict to to_empty train "
    "training type xpu zero_grad "
)
MODULE_WORDS = frozenset(_MODULE_WORDS.split())
"""The attributes that every PyTorch module has already, so that no part of one can be called so."""


def problem_with(name: str) -> tuple[str, str] | None:
    """Why a step cannot have this name, and the way out; None where it can."""
    if not _NAME.fullmatch(name):
        return f"`{name[:40]}` cannot be a name", "use letters, digits and _, and at most 100"
    if name in FROM_WORDS:
        return f"`{name}` has a meaning of its own in `from`", "choose another name"
    if name in MODULE_WORDS or keyword.iskeyword(name) or name.startswith("__"):
        return f"`{name}` is a word of Python or PyTorch's modules", f"call it `{name.strip('_')}_`"
    return None


class Name:
    """A step's name as written: text, with variables (`$number`) or arithmetic (`{$index + 2}`)."""

    __slots__ = ("_parts", "broken", "holds_variables", "scalar")

    def __init__(self, scalar: Scalar, parts: tuple[str | Expression, ...], broken: bool) -> None:
        self.scalar = scalar
        self._parts = parts
        self.broken = broken
        self.holds_variables = any(isinstance(part, Expression) for part in parts)

    @classmethod
    def read(cls, value: Value, known: frozenset[str], sink: Sink) -> Name | None:
        """The name, given the variables there are. Reports one that cannot be."""
        if not (isinstance(value, Scalar) and isinstance(value.value, str)):
            message = f"`name` must be a word, not {describe(plain(value))}"
            help = f'write "{plain(value)}", in quotes' if isinstance(value, Scalar) else ""
            sink.report("AS207", message, value.span, help=help)
            return None
        text = value.value
        parts: list[str | Expression] = []
        broken, end = False, 0
        for hole in _HOLE.finditer(text):
            parts.append(text[end : hole.start()])
            start, end = hole.start(), hole.end()
            inner = hole.group(0) if hole.group(1) else hole.group(2)
            start += 0 if hole.group(1) else 1
            try:
                expression = Expression(inner)
                for variable in sorted(expression.names - known):
                    raise unknown_variable(variable, known, inner.index(f"${variable}"))
                parts.append(expression)
            except ExpressionError as error:
                error.start += start
                report_in_text(error, value, sink)
                broken = True
        parts.append(text[end:])
        name = cls(value, tuple(part for part in parts if part != ""), broken)
        if not broken and not name.holds_variables:
            _report_problem(text, value.span, sink)
        return name

    def evaluate(self, names: Names, sink: Any) -> str:
        """The name, given the variables' values. Raises Unknown, reported, where it cannot be."""
        if not self.holds_variables:
            return str(self.scalar.value)
        try:
            pieces = [
                str(part.evaluate(names)) if isinstance(part, Expression) else part
                for part in self._parts
            ]
        except ExpressionError as error:
            sink.report(error.code, error.message, self.scalar.span, help=error.help)
            pieces = ["_"]
        name = "".join(pieces)
        _report_problem(name, self.scalar.span, sink)
        return name


def _report_problem(name: str, span: Span, sink: Any) -> None:
    problem = problem_with(name)
    if problem:
        sink.report("AS207", problem[0], span, help=problem[1])
