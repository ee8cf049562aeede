"""A vision transformer as a spec, with torchvision's names (`vit_b_16` and its like)."""

from __future__ import annotations

SPEC = """\
archspec: 1
name: vit
vars: {image: 224, patch: 16, width: 768, heads: 12, mlp: 3072, depth: 12, classes: 1000, p: 0.0}
input: [3, $image, $image]
blocks:
  encoder_layer:
    layers:
      - residual:
          layers:
            - layer_norm: {name: ln_1, eps: 1e-6}
            - self_attention: {name: self_attention, num_heads: $heads, dropout: $p}
            - dropout: $p
            - drop_path: $p
      - residual:
          layers:
            - layer_norm: {name: ln_2, eps: 1e-6}
            - sequential:
                name: mlp
                layers:
                  - fc: {out_features: $mlp, position_wise: true}
                  - gelu
                  - dropout: $p
                  - fc: {out_features: $width, position_wise: true}
                  - dropout: $p
            - drop_path: $p
  encoder:
    layers:
      - position_embedding: {name: pos_embedding}
      - dropout: $p
      - sequential:
          name: layers
          layers: [encoder_layer: {name: encoder_layer_$index, repeat: $depth}]
      - layer_norm: {name: ln, eps: 1e-6}
layers:
  - patch_embedding: {name: conv_proj, out_channels: $width, patch_size: $patch}
  - class_token: {name: class_token}
  - encoder: {name: encoder}
  - select: 0
  - sequential: {name: heads, layers: [fc: {name: head, out_features: $classes}]}
"""

TINY = {"image": 8, "patch": 4, "width": 12, "heads": 3, "mlp": 20, "depth": 2, "classes": 5}
"""Variables of one that takes no time."""
