"""Every diagnostic code, once: what it is called and how severe it is. Codes are stable."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple


class Severity(Enum):
    """An error stops a spec from being compiled; a warning does not."""

    ERROR = "error"
    WARNING = "warning"


class Code(NamedTuple):
    """A kind of diagnostic: `title` says in a few words what it stands for."""

    title: str
    severity: Severity = Severity.ERROR


CODES: dict[str, Code] = {
    # The file
    "AS001": Code("the file cannot be read"),
    "AS002": Code("the file is not text"),
    "AS003": Code("the file is too large"),
    "AS004": Code("the file is empty"),
    # YAML
    "AS101": Code("YAML syntax"),
    "AS102": Code("a key appears twice"),
    "AS103": Code("nested too deep"),
    "AS104": Code("too many values"),
    "AS105": Code("a YAML feature that specs do not use"),
    "AS106": Code("a key that is not a word"),
    "AS121": Code("YAML 1.1 reads this value differently", Severity.WARNING),
    # The document
    "AS201": Code("unknown key"),
    "AS202": Code("unknown kind or block"),
    "AS203": Code("unknown field or argument"),
    "AS204": Code("a required field or argument is missing"),
    "AS205": Code("wrong type"),
    "AS206": Code("a value that is not allowed"),
    "AS207": Code("a name that cannot be used"),
    "AS208": Code("a name is taken"),
    "AS209": Code("a block calls itself"),
    "AS210": Code("a malformed step"),
    "AS211": Code("unknown value"),
    "AS212": Code("wrong number of inputs"),
    "AS213": Code("files refer to one another in a circle"),
    "AS214": Code("a kind from outside cannot be used"),
    # Shapes
    "AS301": Code("a layer does not fit its input"),
    "AS302": Code("channels do not divide"),
    "AS303": Code("wrong rank"),
    "AS304": Code("shapes that cannot be merged"),
    "AS305": Code("a shortcut does not fit"),
    "AS306": Code("an expectation is not met"),
    "AS307": Code("a symbolic size where a number is needed"),
    "AS308": Code("shared weights do not fit"),
    # Expressions
    "AS401": Code("an expression cannot be read"),
    "AS402": Code("unknown variable"),
    "AS403": Code("an expression cannot be evaluated"),
    "AS404": Code("a number is too large"),
    # Limits
    "AS501": Code("the network is too large"),
    "AS502": Code("blocks are nested too deep"),
    # Weights
    "AS601": Code("the weights cannot be read"),
    "AS602": Code("a tensor is missing"),
    "AS603": Code("a tensor is not the network's"),
    "AS604": Code("a tensor has another shape"),
    "AS605": Code("a tensor has a type that cannot be used"),
}
