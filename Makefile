# make demo | test | check | docs | docs-serve | soak | bench | sample | clean
PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/
FILE ?= benchmarks/sample_predictions.npz
PICTURE ?= build/demo.png
REPORT ?= build/report.html
WORKERS ?= 2
TESTS := $(RUN)pytest -q -p no:cacheprovider -n $(WORKERS) --dist worksteal
# Compiled kernels are kept by the source of all of them: numba itself does not see a change in a kernel that another one calls.
export NUMBA_CACHE_DIR ?= $(CURDIR)/build/numba/$(shell cat alcore/kernels/*.py | cksum | cut -d ' ' -f 1)
# The tool that people label in, for `make soak`. ALCORE_LABEL_STUDIO names the Python of an environment that has it already.
LABEL_STUDIO := $(CURDIR)/.venv-label-studio/bin
export ALCORE_LABEL_STUDIO ?= $(LABEL_STUDIO)/python
INSTALL := $(RUN)pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable

.PHONY: demo test check docs docs-serve docs-check soak lint bench sample clean

demo: $(VENV)/demo.stamp
	@mkdir -p build
	@$(RUN)alcore bench $(FILE) --floor 6e-8 --seeds 5 --plot $(PICTURE) --report $(REPORT)

# Every law, compiled; then the kernels' own lines, interpreted. Coverage is that of both.
test: $(VENV)/test.stamp lint docs-check
	$(TESTS) --cov --cov-report=
	NUMBA_DISABLE_JIT=1 $(TESTS) --cov --cov-append --cov-report=term:skip-covered --cov-fail-under=95

# The guide: runs every page, stores what its blocks gave, builds build/site.
docs: $(VENV)/test.stamp
	$(RUN)python -m docs_build

docs-serve: $(VENV)/test.stamp
	$(RUN)python -m docs_build --serve

# The same, but a page that shows something else than its blocks give is an error.
docs-check: $(VENV)/test.stamp
	$(RUN)python -m docs_build --check

# Minute by minute: the tests of what changed since the last commit.
check: $(VENV)/test.stamp lint
	$(TESTS) $$($(RUN)python tests/changed.py)

# What `make test` tries in small, at length, written into benchmarks/soak.md. Three quarters of an hour on two cores. It also records
# anew what a real Label Studio answers (tests/data/label_studio), which `make test` plays back.
soak: $(VENV)/test.stamp $(dir $(ALCORE_LABEL_STUDIO))label-studio
	WORKERS=$(WORKERS) $(RUN)python benchmarks/soak.py

lint: $(VENV)/test.stamp
	$(RUN)ruff check .
	$(RUN)ruff format --check .
	$(RUN)mypy

bench: $(VENV)/test.stamp
	PYTHON=$(PYTHON) $(RUN)python benchmarks/run.py

sample: $(VENV)/test.stamp
	$(RUN)pip install --quiet --constraint constraints.txt scikit-learn
	OPENBLAS_NUM_THREADS=1 $(RUN)python benchmarks/make_sample_predictions.py

clean:
	rm -rf $(VENV) .venv-peers .venv-label-studio build dist .coverage .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/demo.stamp: $(VENV)/bin/python pyproject.toml constraints.txt
	$(INSTALL) '.[cli,plot,report]'
	@touch $@

$(VENV)/test.stamp: $(VENV)/bin/python pyproject.toml constraints.txt
	$(INSTALL) '.[test]'
	@touch $@ $(VENV)/demo.stamp

$(LABEL_STUDIO)/label-studio:
	$(PYTHON) -m venv $(dir $(LABEL_STUDIO))
	$(LABEL_STUDIO)/pip install --quiet --disable-pip-version-check label-studio==1.23.2
