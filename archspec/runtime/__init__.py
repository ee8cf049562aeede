"""Running compiled networks with onnxruntime: sessions, input files, predictions."""
