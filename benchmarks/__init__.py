"""What archspec costs, beside its peers: `python -m benchmarks.run`."""
