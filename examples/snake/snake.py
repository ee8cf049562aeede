"""The snake activation, as a kind of layer from outside archspec.

archspec check examples/snake/snake.yaml --kinds examples/snake/snake.py
"""

from archspec.kinds import Kind
from archspec.layers.base import Layer, Tensor, pointwise_windows
from archspec.layers.fields import PositiveReal


class Snake(Layer):
    """x + sin(a x)^2 / a, with an a for each channel that is learnt: (C, ...) -> (C, ...).

    Ziyin, Hartwig and Ueda 2020, Neural Networks Fail to Learn Periodic Functions.

    Fields:
        init: What a starts as.
    """

    kind = "snake"
    main_field = "init"

    init: PositiveReal = 1.0

    def output_shape(self, inputs):
        return inputs[0]

    def macs(self, inputs, output):
        return 0

    def windows(self, inputs):
        return pointwise_windows(inputs[0])

    def parameters(self, inputs):
        channels, *sizes = inputs[0]
        return {"weight": Tensor((channels, *(1 for _ in sizes)), constant=self.init)}

    def parameter_formula(self, inputs):
        return f"{inputs[0][0]} channels"


def to_torch(layer, emit):
    import torch  # here, so that `archspec check` needs no PyTorch

    a = emit.parameter("weight")
    scaled = emit.call(torch.mul, a, emit.x, part="scaled")
    sine = emit.call(torch.sin, scaled, part="sine")
    squared = emit.call(torch.square, sine, part="squared")
    bent = emit.call(torch.div, squared, a, part="bent")
    return emit.call(torch.add, emit.x, bent)


def to_onnx(layer, emit):
    a = emit.tensor("weight")
    scaled = emit.step("scaled", "Mul", emit.x, a, shape=emit.shape)
    sine = emit.step("sine", "Sin", scaled, shape=emit.shape)
    squared = emit.step("squared", "Mul", sine, sine, shape=emit.shape)
    bent = emit.step("bent", "Div", squared, a, shape=emit.shape)
    emit.result("Add", emit.x, bent)


KINDS = [Kind(Snake, torch=to_torch, onnx=to_onnx)]
