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
    "AS107": Code("text that is not shown as it is read"),
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
    "AS503": Code("too many errors"),
    # Weights
    "AS601": Code("the weights cannot be read"),
    "AS602": Code("a tensor is missing"),
    "AS603": Code("a tensor is not the network's"),
    "AS604": Code("a tensor has another shape"),
    "AS605": Code("a tensor has a type that cannot be used"),
    # What experts warn of
    "AS701": Code("a bias that the normalisation after it undoes", Severity.WARNING),
    "AS702": Code("padding at least as large as the kernel", Severity.WARNING),
    "AS703": Code("a stride that skips input", Severity.WARNING),
    "AS704": Code("a window that drops rows", Severity.WARNING),
    "AS705": Code("a variable that nothing uses", Severity.WARNING),
    "AS706": Code("a block that nothing calls", Severity.WARNING),
    "AS707": Code("an argument that its block does not use", Severity.WARNING),
    "AS708": Code("a value that nothing takes", Severity.WARNING),
    "AS709": Code("two activations in a row", Severity.WARNING),
    "AS710": Code("a softmax before a loss that has one", Severity.WARNING),
    "AS711": Code("a receptive field larger than the image", Severity.WARNING),
    "AS712": Code("a name that hides another", Severity.WARNING),
    "AS713": Code("a comment that silences nothing", Severity.WARNING),
    "AS714": Code("weights that only ever see padding", Severity.WARNING),
}
