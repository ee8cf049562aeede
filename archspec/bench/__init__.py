"""What a compiled network costs to run: latency, throughput, memory, and where the time goes.

The parts that need no onnxruntime: figures, layers, text. What measures is in
`runtime/measure.py`, `runtime/profile.py` and `backends/torch/timing.py`.
"""
