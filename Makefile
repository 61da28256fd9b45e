# Each target makes the virtual environment it needs: Python 3.11 and the package index are enough.
PYTHON ?= python3.11
JOBS ?= 2
VENV := .venv
BENCH_VENV := .venv-bench
PIP_INSTALL := -m pip install --quiet --constraint constraints.txt
INPUTS := Makefile pyproject.toml constraints.txt

.PHONY: demo example test fenced lint docs bench clean

demo: $(VENV)/demo.installed
	$(VENV)/bin/python -m demo

example: $(VENV)/demo.installed
	$(VENV)/bin/python -m examples.train_digits

test: lint
	$(VENV)/bin/python -m pytest -n $(JOBS) --dist worksteal

# Half an hour, Linux and a C compiler: the tests of what makes and frees memory, with an allocator that shows wrong use.
FENCED := tests/derive tests/objects tests/api tests/runtime

fenced: $(VENV)/test.installed
	$(CC) -O1 -shared -fPIC -o $(VENV)/fence.so tests/runtime/fence.c
	LD_PRELOAD=$(abspath $(VENV))/fence.so $(VENV)/bin/python -m pytest -n $(JOBS) --dist worksteal $(FENCED)

lint: $(VENV)/test.installed
	$(VENV)/bin/ruff check .
	$(VENV)/bin/pyright

docs: $(VENV)/docs.installed
	$(VENV)/bin/python -m sphinx -b html -W --keep-going docs docs/_build/html

bench: $(BENCH_VENV)/bench.installed
	$(BENCH_VENV)/bin/python -m benchmarks

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

# `pyright[nodejs]` brings its own node, so that no node has to be on the machine.
$(VENV)/test.installed: $(INPUTS) | $(VENV)/bin/python
	$(VENV)/bin/python $(PIP_INSTALL) --editable '.[test,lint]' 'pyright[nodejs]'
	touch $@

$(VENV)/demo.installed: $(INPUTS) | $(VENV)/bin/python
	$(VENV)/bin/python $(PIP_INSTALL) --editable '.[demo]'
	touch $@

$(VENV)/docs.installed: $(INPUTS) | $(VENV)/bin/python
	$(VENV)/bin/python $(PIP_INSTALL) --editable '.[docs]'
	touch $@

$(BENCH_VENV)/bench.installed: $(INPUTS) benchmarks/requirements.txt
	$(PYTHON) -m venv $(BENCH_VENV)
	$(BENCH_VENV)/bin/python $(PIP_INSTALL) --editable . --requirement benchmarks/requirements.txt
	touch $@

clean:
	rm -rf $(VENV) $(BENCH_VENV) docs/_build
