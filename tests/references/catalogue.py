"""Which networks there are, where each comes from, and the inputs that it is run on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from torch import nn

from tests.references import networks
from tests.references.golden import IMAGES, Input, Shape

TORCHVISION = {
    "code": "torchvision 0.29.1",
    "url": "https://github.com/pytorch/vision/tree/v0.29.1/torchvision/models",
}
"""Of the networks that are torchvision's own modules."""


@dataclass(frozen=True)
class Figure:
    """A figure that somebody published."""

    what: str
    value: float
    where: str


@dataclass(frozen=True)
class Reference:
    """A network. `runs` are the shapes of one image for each of its inputs; `macs_at` are more
    sizes of the first input to count at; `scale` are factors on weights, by tensor name;
    `min_size` is the smallest height and width, if the authors say one.
    """

    build: Callable[[], nn.Module]
    source: dict[str, str]
    runs: tuple[dict[str, Shape], ...]
    macs_at: tuple[Shape, ...] = ()
    scale: dict[str, float] = field(default_factory=dict)
    input_scale: float = 1.0
    published: tuple[Figure, ...] = ()
    min_size: tuple[int, int] | None = None
    notes: tuple[str, ...] = ()

    def inputs(self, run: dict[str, Shape]) -> dict[str, Input]:
        """The batches of a run: the seeds are 0, 1, … so that no two inputs are equal."""
        return {
            name: Input((IMAGES, *shape), seed, self.input_scale)
            for seed, (name, shape) in enumerate(run.items())
        }


def image(*shape: int) -> dict[str, Shape]:
    """A run of a network with one input."""
    return {"input": shape}


def _torchvision(name: str, **options: Any) -> nn.Module:
    from torchvision.models import get_model  # type: ignore[import-not-found,unused-ignore]

    network: nn.Module = get_model(name, weights=None, **options)
    return network


def _fcn_resnet50() -> nn.Module:
    return _torchvision("fcn_resnet50", weights_backbone=None, aux_loss=None)


def _resnet50_v1() -> nn.Module:
    """torchvision's, with each stage's stride moved from its first 3 × 3 to the 1 × 1 before."""
    network: Any = _torchvision("resnet50")
    for stage in (network.layer2, network.layer3, network.layer4):
        stage[0].conv1.stride, stage[0].conv2.stride = (2, 2), (1, 1)
    result: nn.Module = network
    return result


REFERENCES = {
    "alexnet_2012": Reference(
        build=networks.AlexNet2012,
        source={
            "paper": "Krizhevsky, Sutskever and Hinton 2012, ImageNet Classification with Deep "
            "Convolutional Neural Networks, sections 3.3 to 3.5",
            "names": "of Caffe's bvlc_alexnet",
        },
        runs=(image(3, 227, 227),),
        input_scale=64,
        published=(
            Figure("parameters, millions", 60, "the paper, abstract"),
            Figure(
                "parameters", 60965224, "HewlettPackard/dlcookbook-dlbs, the models' table: AlexNet"
            ),
        ),
        notes=(
            "Responses are normalised as the paper says, k = 2, n = 5, alpha = 1e-4, beta = 0.75, "
            "and its sum is not divided by n: alpha = 5e-4 where a library divides.",
            "ReLU, then the normalisation, then the pool, as in the paper.",
            "The paper says 224 x 224; its 55 x 55 needs 227, or padding.",
            "Inputs are 64 times normal noise, about what pixels less their mean are: with small "
            "values the normalisation does next to nothing.",
        ),
    ),
    "bvlc_alexnet": Reference(
        build=lambda: networks.AlexNet2012(alpha=1e-4, k=1),
        source={
            "code": "BVLC/caffe, models/bvlc_alexnet/deploy.prototxt",
            "url": "https://github.com/BVLC/caffe/blob/9b891540183ddc834a02b2bd81b31afae71b2153/"
            "models/bvlc_alexnet/deploy.prototxt",
            "commit": "9b891540183ddc834a02b2bd81b31afae71b2153",
        },
        runs=(image(3, 227, 227),),
        input_scale=64,
        notes=(
            "As alexnet_2012, with Caffe's normalisation: k = 1, and alpha = 1e-4 over n = 5.",
            "Logits: the softmax after fc8 is left out.",
        ),
    ),
    "convnext_tiny": Reference(
        build=lambda: _torchvision("convnext_tiny"),
        source=TORCHVISION,
        runs=(image(3, 224, 224), image(3, 65, 97)),
        published=(
            Figure("parameters", 28589128, "torchvision, ConvNeXt_Tiny_Weights.IMAGENET1K_V1"),
            Figure("GMACs at 224", 4.456, "torchvision, ConvNeXt_Tiny_Weights.IMAGENET1K_V1"),
        ),
        min_size=(32, 32),
    ),
    "darknet53": Reference(
        build=networks.Darknet53,
        source={
            "paper": "Redmon and Farhadi 2018, YOLOv3: An Incremental Improvement",
            "cfg": "pjreddie/darknet, cfg/yolov3.cfg up to the last shortcut: what its layers "
            "36, 61 and 74 give",
            "code": "bubbliiiing/yolo3-pytorch, nets/darknet.py: names and eps",
            "url": "https://github.com/bubbliiiing/yolo3-pytorch/blob/"
            "8fbb81d3377b7a404c8634ad26ff3f1193da2cad/nets/darknet.py",
            "commit": "8fbb81d3377b7a404c8634ad26ff3f1193da2cad",
        },
        runs=(image(3, 96, 128), image(3, 75, 53)),
        macs_at=((3, 256, 256), (3, 416, 416), (3, 608, 608)),
        published=(
            Figure(
                "floats in darknet53.conv.74, a file of 162,482,580 bytes of which 20 are header: "
                "weights, biases, and the running mean and variance",
                40620640,
                "pjreddie.com/media/files/darknet53.conv.74",
            ),
            Figure(
                "operations at 256 with the classifier (1,024,000 MACs more), billions, 2 a MAC",
                18.57,
                "pjreddie.com/darknet/imagenet, the models' table: Darknet53",
            ),
        ),
        notes=(
            "Darknet divides by sqrt(variance) + 1e-6; PyTorch's ports by sqrt(variance + 1e-5).",
        ),
    ),
    "dcgan_generator": Reference(
        build=networks.DCGANGenerator,
        source={
            "paper": "Radford, Metz and Chintala 2016, Unsupervised Representation Learning with "
            "Deep Convolutional Generative Adversarial Networks",
            "code": "pytorch/examples, dcgan/main.py: Generator, nz 100, ngf 64, nc 3",
            "url": "https://github.com/pytorch/examples/blob/"
            "77f55b912142e11fcfdf5b530231fb9c52f181e8/dcgan/main.py",
            "commit": "77f55b912142e11fcfdf5b530231fb9c52f181e8",
        },
        runs=(image(100, 1, 1), image(100, 2, 3)),
        notes=(
            "The paper has 1024 to 128 channels; the example, half of that.",
            "Of a transposed convolution, MACs are those of every input position with the whole "
            "kernel, those that padding cuts off included.",
        ),
    ),
    "fcn_resnet50": Reference(
        build=_fcn_resnet50,
        source={
            **TORCHVISION,
            "paper": "Long, Shelhamer and Darrell 2015, Fully Convolutional Networks for Semantic "
            "Segmentation",
        },
        runs=(image(3, 224, 224), image(3, 65, 97)),
        macs_at=((3, 520, 520),),
        published=(
            Figure(
                "GMACs at 520, with the auxiliary head that is left out here",
                152.717,
                "torchvision, FCN_ResNet50_Weights.COCO_WITH_VOC_LABELS_V1",
            ),
            Figure(
                "parameters, with the auxiliary head that is left out here",
                35322218,
                "torchvision, FCN_ResNet50_Weights.COCO_WITH_VOC_LABELS_V1",
            ),
        ),
        min_size=(1, 1),
        notes=(
            "The auxiliary head would add a 3 x 3 convolution of 1024 to 256 channels with batch "
            "norm, and a 1 x 1 to 21 with bias: 2,365,205 parameters, and 9,990,739,200 MACs at "
            "520 x 520.",
        ),
    ),
    "resnet18_cifar": Reference(
        build=networks.ResNet18CIFAR,
        source={
            "paper": "He et al. 2016, Deep Residual Learning for Image Recognition",
            "code": "kuangliu/pytorch-cifar, models/resnet.py: ResNet18",
            "url": "https://github.com/kuangliu/pytorch-cifar/blob/"
            "49b7aa97b0c12fe0d4054e670403a16b6b834ddd/models/resnet.py",
            "commit": "49b7aa97b0c12fe0d4054e670403a16b6b834ddd",
        },
        runs=(image(3, 32, 32),),
        notes=(
            "The 18-layer network with a stem for 32 x 32. The networks that the paper has for "
            "CIFAR-10 (section 4.2: 16, 32 and 64 channels) are others.",
        ),
    ),
    "resnet50_v1": Reference(
        build=_resnet50_v1,
        source={
            **TORCHVISION,
            "paper": "He et al. 2016, Deep Residual Learning for Image Recognition",
            "change": "each stage's stride moved from its first 3 x 3 convolution to the 1 x 1 "
            "before it, where the paper has it",
        },
        runs=(image(3, 224, 224),),
        published=(Figure("GFLOPs, a multiply-add counted once", 3.8, "the paper, table 1"),),
        notes=(
            "The authors' Caffe file, KaimingHe/deep-residual-networks at a7026cb6, has a bias in "
            "conv1 besides (64 parameters more), and a first pool without padding that rounds up: "
            "the same sizes at 224 x 224, other windows.",
        ),
    ),
    "siamese_mnist": Reference(
        build=networks.SiameseMNIST,
        source={
            "paper": "Hadsell, Chopra and LeCun 2006, Dimensionality Reduction by Learning an "
            "Invariant Mapping",
            "code": "BVLC/caffe, examples/siamese/mnist_siamese_train_test.prototxt",
            "url": "https://github.com/BVLC/caffe/blob/9b891540183ddc834a02b2bd81b31afae71b2153/"
            "examples/siamese/mnist_siamese_train_test.prototxt",
            "commit": "9b891540183ddc834a02b2bd81b31afae71b2153",
        },
        runs=({"data": (1, 28, 28), "data_p": (1, 28, 28)},),
        notes=(
            "Shared layers count once in parameters and twice in MACs.",
            "No activation after the convolutions, nor between ip2 and feat.",
        ),
    ),
    "siamese_omniglot": Reference(
        build=networks.SiameseOmniglot,
        source={
            "paper": "Koch, Zemel and Salakhutdinov 2015, Siamese Neural Networks for One-shot "
            "Image Recognition, figure 4",
            "names": "ours: the paper has none",
        },
        runs=({"left": (1, 105, 105), "right": (1, 105, 105)},),
        published=(
            Figure(
                "parameters",
                38951745,
                "Sunny et al. 2021, CrossLight, its table of networks: Omniglot's, whose 8 "
                "convolutions and 4 fc layers are those of both twins",
            ),
        ),
        scale={"fc2.weight": 30},
        notes=(
            "Shared layers count once in parameters and twice in MACs.",
            "fc2's weights are 30 times the filled ones, with which every answer is near 0.5.",
        ),
    ),
    "srresnet": Reference(
        build=networks.SRResNet,
        source={
            "paper": "Ledig et al. 2017, Photo-Realistic Single Image Super-Resolution Using a "
            "Generative Adversarial Network",
            "code": "sgrvinod/a-PyTorch-Tutorial-to-Super-Resolution, models.py: SRResNet",
            "url": "https://github.com/sgrvinod/a-PyTorch-Tutorial-to-Super-Resolution/blob/"
            "c30556bc79a9d43539f2d658722bcb7ff5011ddb/models.py",
            "commit": "c30556bc79a9d43539f2d658722bcb7ff5011ddb",
        },
        runs=(image(3, 24, 24), image(3, 17, 23)),
        scale={"conv_block3.conv_block.0.weight": 1e-6},
        notes=(
            "One PReLU slope a layer. With one a channel there are 1,550,659 parameters.",
            "The last convolution's weights are a millionth of the filled ones, with which the "
            "tanh after it would give 1 or -1 everywhere.",
        ),
    ),
    "unet": Reference(
        build=networks.UNet,
        source={
            "paper": "Ronneberger, Fischer and Brox 2015, U-Net: Convolutional Networks for "
            "Biomedical Image Segmentation",
            "code": "milesial/Pytorch-UNet, unet/: UNet(n_channels=3, n_classes=2), transposed "
            "convolutions",
            "url": "https://github.com/milesial/Pytorch-UNet/tree/"
            "21d7850f2af30a9695bbeea75f3136aa538cfc4a/unet",
            "commit": "21d7850f2af30a9695bbeea75f3136aa538cfc4a",
        },
        runs=(image(3, 96, 128), image(3, 101, 75)),
        macs_at=((3, 256, 256), (3, 512, 512), (3, 572, 572)),
        notes=(
            "Padded, so that the output is as large as the input, with batch norm in place of the "
            "convolutions' biases. The paper's has neither.",
            "Where a size on the way down was odd, the transposed convolution's output is padded "
            "with zeros to the size of the other part: half before, the odd one after.",
        ),
    ),
    "vit_b_16": Reference(
        build=lambda: _torchvision("vit_b_16"),
        source={
            **TORCHVISION,
            "paper": "Dosovitskiy et al. 2021, An Image is Worth 16x16 Words: Transformers for "
            "Image Recognition at Scale",
        },
        runs=(image(3, 224, 224),),
        published=(
            Figure("parameters", 86567656, "torchvision, ViT_B_16_Weights.IMAGENET1K_V1"),
            Figure("GMACs at 224", 17.564, "torchvision, ViT_B_16_Weights.IMAGENET1K_V1"),
        ),
        min_size=(224, 224),
        notes=(
            "MACs include attention's two matrix products, of which there are 715,327,488.",
            "in_proj_bias is filled as the scale of a normalisation layer is, about 1: the rule "
            "goes by the last part of the name.",
        ),
    ),
}
