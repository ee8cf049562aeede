"""The verification of a network: PyTorch's module and an ONNX file held against the spec."""

from __future__ import annotations

import platform
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archspec.analysis.smallest_input import shapes_at
from archspec.backends.onnx import read
from archspec.backends.torch import values as torch_values
from archspec.backends.torch.values import Network
from archspec.exports import EXPORTS
from archspec.graph import Graph
from archspec.metadata import Precision
from archspec.runtime import values as runtime_values
from archspec.runtime.errors import ModelError, RuntimeFailure
from archspec.runtime.placement import Placement
from archspec.runtime.session import Model, open_model
from archspec.verification import samples, static
from archspec.verification.divergence import Search
from archspec.verification.errors import error_of
from archspec.verification.options import Options, SpecFile
from archspec.verification.report import Check, Comparison, Divergence, ModelFile, Report
from archspec.verification.subject import (
    OWN,
    Subject,
    VerificationError,
    digest,
    file_digest,
    plain_metadata,
    scores_of,
    weights_of,
    with_ends,
)
from archspec.verification.trials import Trial, sizes_of, trials
from archspec.weights import load

__all__ = ["Options", "SpecFile", "VerificationError", "verify"]

Array = NDArray[Any]

DEPENDENCE = 1e-3
"""Of the largest output: where outputs for different inputs are less apart, they are all the same
for what can be seen of them.
"""


def verify(spec: SpecFile, graph: Graph, model: Path | None, options: Options) -> Report:
    """Hold PyTorch's module and the ONNX file `model`, or one that is built for it, against the
    network of the spec.

    Raises VerificationError, UnreadableModel, RuntimeFailure, RequestError, SpecError, ValueError,
    and OSError where it cannot be done.
    """
    if model is not None:
        return _verified(spec, graph, model, options, model)
    with tempfile.TemporaryDirectory(prefix="archspec-") as folder:
        built = Path(folder) / "model.onnx"
        weights: Any = options.weights
        if weights is None:
            weights = samples.lively_weights(graph, options.seed or 0)
        EXPORTS["onnx"].run(graph, weights, built, options.request)
        return _verified(spec, graph, built, options, None)


def _verified(
    spec: SpecFile, graph: Graph, path: Path, options: Options, shown: Path | None
) -> Report:
    """The report on the file at `path`, which is `shown` to be what the user gave."""
    proto = read.read_model(path)
    opened = _opened(path, proto, options.placement)
    metadata = plain_metadata(graph, opened.metadata)
    report = Report(
        network=graph.name,
        spec=spec.path,
        digest=digest(spec.data),
        settings=spec.settings,
        weights="",
        seed=options.seed or 0,
        model=ModelFile(
            None if shown is None else str(shown),
            file_digest(path),
            sum(each.stat().st_size for each in [path, *read.external_files(path)]),
            metadata.name,
            metadata.optimize,
            metadata.precision,
        ),
        versions=_versions(),
        checks=(),
        comparisons=(),
        divergence=None,
        notes=(),
        failure="",
    )
    nothing = load(graph, None)  # For shapes, before it is known which weights will do.
    subject = Subject(graph, nothing, path, proto, opened, metadata, own_weights=False)
    checks = static.of_the_file(subject)
    strange = _difference(checks)
    if strange:
        return replace(report, checks=tuple(checks), failure=_another(report.model, graph, strange))
    if shown is None and options.weights is None:
        number = options.seed or 0
        weights = load(graph, samples.lively_weights(graph, number))
        words = f"drawn from the seed {number}, at the scale of trained ones"
    else:
        weights, words = weights_of(graph, proto, path, metadata, options.weights, options.seed)
    subject = Subject(graph, weights, path, proto, opened, metadata, own_weights=words == OWN)
    return _compared(replace(report, weights=words), subject, options)


def _opened(path: Path, proto: Any, placement: Placement) -> Model:
    """The model, on its device."""
    try:
        return open_model(path, placement)
    except ModelError as error:
        if placement.device == "cpu" and read.uses_bfloat16(proto):
            raise VerificationError(
                f"{path}: the model computes in bfloat16, which onnxruntime has on GPUs only: "
                "verify it there, with `--device cuda`"
            ) from error
        raise


def _compared(report: Report, subject: Subject, options: Options) -> Report:
    """The report with all that is compared in it."""
    graph = subject.graph
    network = Network(graph, subject.weights)
    sizes = sizes_of(graph)
    one = samples.inputs(shapes_at(graph, sizes[0]), 1, report.seed, samples.preprocess_of(graph))
    checks = static.of_both(subject, network, one, sizes[0])
    difference = _difference(checks)
    report = replace(report, checks=tuple(checks), notes=tuple(_notes(subject)), failure=difference)
    try:
        return _run(report, subject, network, options, sizes)
    except RuntimeFailure as error:
        if not difference:
            raise
        return replace(report, failure=f"{difference}; and it cannot be run: {error}")


def _run(
    report: Report,
    subject: Subject,
    network: Network,
    options: Options,
    sizes: list[Mapping[str, int]],
) -> Report:
    """The report, with what running shows."""
    comparisons: list[Comparison] = []
    notes = list(report.notes)
    worst: Trial | None = None
    for trial in trials(subject, options, sizes):
        found = _comparisons(trial, subject, network, options.relative)
        comparisons += found
        if worst is None and not all(each.error.agrees for each in found):
            worst = trial
        notes += _says_little(trial, network)
    divergence = None
    if worst is not None:
        divergence = _search(worst, subject, network, options.relative)
    elif subject.metadata.precision == "int8":
        notes += _strayed(trial, subject, network, options.relative)
    return replace(
        report,
        comparisons=tuple(comparisons),
        divergence=divergence,
        notes=tuple(dict.fromkeys(notes)),
        failure=_failure(report.failure, worst, divergence),
    )


def _failure(difference: str, worst: Trial | None, divergence: Divergence | None) -> str:
    if divergence is not None:
        return (
            f"the outputs differ, and the first layer to differ is {divergence.layer} "
            f"({divergence.kind}), {divergence.file}:{divergence.line}:{divergence.column}"
            + (f"; {difference}" if difference else "")
        )
    if worst is not None:
        return (
            "the outputs differ, though each layer agrees when it is looked at: what stands before "
            "or behind the layers differs, or onnxruntime's own optimisations of the whole"
            + (f"; {difference}" if difference else "")
        )
    return difference


def _another(model: ModelFile, graph: Graph, difference: str) -> str:
    """What to say of a model that cannot be this network."""
    if model.path is None:
        return difference
    whose = f" (it says that it is {model.name})" if model.name != graph.name else ""
    return f"the model was built from another spec, or with another --set{whose}: {difference}"


def _notes(subject: Subject) -> Iterator[str]:
    if subject.own_weights:
        yield (
            "PyTorch's module has the weights of the model itself, so that they are not verified: "
            "`--weights FILE` holds the model against those that it was built with"
        )
        if subject.metadata.precision in ("fp16", "bf16"):
            yield "they are rounded already, and what that cost is not counted"
    if subject.model.metadata is None:
        yield (
            "the model says nothing of itself, as one of archspec does: neither its labels nor how "
            "pictures are prepared for it could be compared"
        )
    elif subject.metadata.name != subject.graph.name:
        yield f"the model calls itself {subject.metadata.name}, and the spec {subject.graph.name}"
    if subject.graph.outside:
        yield "MACs of kinds from outside are as these say, and are not compared"


def _comparisons(
    trial: Trial, subject: Subject, network: Network, relative: float | None
) -> list[Comparison]:
    """Each output, or the largest scores where the file makes only those."""
    outputs = list(subject.graph.outputs)
    precision = subject.metadata.precision
    exact = with_ends(subject, network.exact_values(trial.inputs, outputs))
    rounded = with_ends(subject, _rounded(network, trial, outputs, precision))
    found = subject.model.predict(trial.feeds)
    likeliest = None
    if subject.metadata.top_k is not None:
        # Which of two classes with about one score is named does not matter, but that it has it.
        scores, classes = subject.model.outputs
        whole = network.exact_values(trial.inputs, outputs)
        (likely,) = (array.argmax(1) for array in whole.values())
        named = found[classes].astype(np.int64)
        likeliest = int((likely == named[:, 0]).sum())
        found[classes] = scores_of(subject, whole, named)
        exact[classes], rounded[classes] = exact[scores], rounded[scores]
    comparisons = []
    preprocess = samples.preprocess_of(subject.graph)
    if trial.pictures is not None and preprocess and preprocess.interpolation != "nearest":
        # Of two pixels equally near, Pillow takes one or the other. The rest it rounds alike, but
        # where a number is halfway between two levels.
        ((taken, made),) = trial.inputs.items()
        level = preprocess.scale / float(np.min(preprocess.std))
        error = error_of(made, trial.pictures, trial.pictures, "fp32", None)
        allowed = 1.01 * level
        error = error._replace(measured=error.absolute, tolerance=allowed)
        comparisons.append(Comparison(trial.name, f"{taken}, prepared", len(made), error, None))
    for name, true in exact.items():
        error = error_of(found[name], true, rounded[name], precision, relative)
        same = likeliest
        if same is None and true.ndim == 2 and true.shape[1] > 1:
            same = int((true.argmax(1) == found[name].argmax(1)).sum())
        comparisons.append(Comparison(trial.name, name, len(true), error, same))
    return comparisons


def _rounded(
    network: Network, trial: Trial, names: list[str], precision: Precision
) -> dict[str, Array]:
    if precision in ("fp16", "bf16"):
        return network.rounded_values(trial.inputs, names, precision)
    return network.values(trial.inputs, names)


def _says_little(trial: Trial, network: Network) -> Iterator[str]:
    """Notes on outputs whose agreement says little: those that no number can be told of, and those
    that are the same for every sample of the batch.
    """
    for name, array in network.values(trial.inputs, list(network.graph.outputs)).items():
        finite = np.isfinite(array)
        if not finite.all():
            yield (
                f"{np.count_nonzero(~finite):,} of the {array.size:,} numbers of {name} are not "
                f"finite in PyTorch ({trial.name}), so that their agreement says little"
            )
            continue
        scale = float(np.abs(array).max(initial=0.0))
        if len(array) > 1 and np.abs(array - array[:1]).max(initial=0.0) <= DEPENDENCE * scale:
            yield (
                f"with these weights {name} hardly depends on the inputs ({trial.name}), so that "
                "its agreement says little: give trained ones"
            )


def _search(
    trial: Trial, subject: Subject, network: Network, relative: float | None
) -> Divergence | None:
    """The first divergence: of the first sample, if it shows there, else of the whole batch."""
    first = (
        {name: array[:1] for name, array in trial.inputs.items()},
        {name: array[:1] for name, array in trial.feeds.items()},
    )
    for inputs, feeds in (first, (trial.inputs, trial.feeds)):
        divergence = Search(subject, network, inputs, feeds, relative).first()
        if divergence is not None:
            return divergence
    return None


def _strayed(
    trial: Trial, subject: Subject, network: Network, relative: float | None
) -> Iterator[str]:
    """A note on the first value within a quantised network that is far off: what is allowed of its
    outputs is so much that they need not show a range which is too narrow.
    """
    found = Search(subject, network, trial.inputs, trial.feeds, relative).strayed()
    if found is not None:
        node, error = found
        yield (
            f"the outputs agree, but {node.name} ({node.kind}) is off by {error.measured:.3g} rms, "
            f"where {error.tolerance:.3g} is allowed of outputs ({trial.name}): its range, or one "
            "before it, may be too narrow for these inputs"
        )


def _difference(checks: list[Check]) -> str:
    return next((check.difference for check in checks if not check.agrees), "")


def _versions() -> dict[str, str]:
    from archspec import __version__

    return {
        "archspec": __version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        **torch_values.versions(),
        "onnx": read.version(),
        "onnxruntime": runtime_values.version(),
        "machine": f"{platform.system()} {platform.machine()}",
    }
