# Every target sets up what it needs in .venv; nothing else on the machine is touched.
PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed

.PHONY: help install demo test test-gpu torture torture-processes check style format bench bench-all clean

help:  ## what can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /	/' | expand -t 20

install: $(INSTALLED)  ## eyebright with everything for training and development, in .venv

$(INSTALLED): pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --no-compile --constraint constraints.txt --editable '.[train,dev]'
	touch $@

demo: $(INSTALLED)  ## train, evaluate and ask a classifier of handwritten digits
	$(BIN)/eyebright demo

test: $(INSTALLED)  ## all tests, in parallel
	$(BIN)/python -m pytest -n auto --dist worksteal

test-gpu: $(INSTALLED)  ## what trains and computes, on an NVIDIA GPU
	$(BIN)/python -m pytest -n 4 -rs tests/training tests/network tests/model tests/tasks

torture: $(INSTALLED)  ## kill a training twenty times, and compare its weights
	$(BIN)/python tests/torture.py

torture-processes: $(INSTALLED)  ## kill one of two processes that train together, and compare their weights
	$(BIN)/python tests/torture_processes.py

check: style  ## style, types, and the direction of imports
	$(BIN)/python -m pytest tests/test_architecture.py

style: $(INSTALLED)  ## style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(INSTALLED)  ## bring the code into its form
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(INSTALLED)  ## speed beside Keras and plain torch, under 15 minutes
	$(BIN)/python benchmarks/bench.py

bench-all: $(INSTALLED)  ## the long measurements too
	$(BIN)/python benchmarks/bench.py --all
	$(BIN)/python benchmarks/exports.py --formats onnx,openvino,litert,keras
	.venv-peers/bin/pip install --quiet --editable .  # the environment with TensorFlow, which bench.py makes
	.venv-peers/bin/python benchmarks/exports.py --formats saved-model
	$(BIN)/python benchmarks/detection.py bccd
	$(BIN)/python benchmarks/detection.py traffic_lights

clean:  ## remove what was made here
	rm -rf .venv .venv-peers eyebright_demo .pytest_cache .mypy_cache .ruff_cache .hypothesis
