"""AS708: values that nothing takes."""

from __future__ import annotations

from collections.abc import Iterator

from archspec.diagnostics import Diagnostic
from archspec.graph import Node
from archspec.layers.fields import count
from archspec.layers.sizes import is_number, total
from archspec.lints.network import Network
from archspec.source import key_place

_WAYS_OUT = "remove it, take it in a `from`, or list it under `outputs`"


def unused_values(network: Network) -> Iterator[Diagnostic]:
    """Inputs and layers that no output depends on. Of a row of layers the last is told."""
    graph, takers = network.graph, network.takers
    for name in graph.inputs:
        if name not in takers and name not in graph.outputs:
            message = f"nothing takes the input `{name}`"
            at = key_place(network.spec.root, ("inputs", name))
            yield Diagnostic("AS708", message, at, help=f"remove it, or take it: `from: {name}`")
    ends = [n for n in graph.nodes if n.name not in takers and n.name not in graph.outputs]
    left = {value: len(those) for value, those in takers.items()} if ends else {}
    for nodes in network.wherever_made(ends):
        wasted = list(_leading_to(nodes, network, left))
        params = sum([node.signature.params for node in wasted if node.owner is None])
        macs = total([node.signature.macs for node in wasted])
        message = f"nothing takes the value of this {nodes[0].kind}"
        others = len(wasted) - len(nodes)
        if others:
            verb = "is" if others == 1 else "are"
            message += f", and {count(others, 'layer')} before it {verb} there for it alone"
        costs = [count(params, "parameter")] if params else []
        if is_number(macs) and macs:
            costs.append(count(macs, "MAC"))
        help = _WAYS_OUT + (f": {' and '.join(costs)} for nothing" if costs else "")
        yield Diagnostic("AS708", message, nodes[0].origin, help=help)


def _leading_to(ends: list[Node], network: Network, left: dict[str, int]) -> Iterator[Node]:
    """These nodes, and those before them that lead nowhere else. `left` has how many take a value
    beside the nodes that were found already.
    """
    found = list(ends)
    for node in found:  # It grows.
        yield node
        for value in node.inputs:
            left[value] -= 1
            if not left[value] and value in network.makers and value not in network.graph.outputs:
                found.append(network.makers[value])
