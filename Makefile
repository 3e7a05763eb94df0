# make demo      a small data set, a trained SlowFast, and its table of results
# make test      the tests that take minutes; make test-all adds those that take long
# make torchcodec  the optional decoder of videos; it needs FFmpeg of the system's packages too
# make lint      formatting and lint, by the settings of pyproject.toml
# Everything is installed into .venv, once; `make PYTHON=python3.12 demo` chooses the interpreter.

PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python

.PHONY: demo test test-all torchcodec lint clean-demo

# A stamp a set of requirements: pip runs again only when they change.
$(VENV)/installed: requirements.txt setup.py
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10) and "Python 3.10 or newer is needed, this is " + sys.version.split()[0] + ": try make PYTHON=python3.12 ...")'
	test -x $(RUN) || $(PYTHON) -m venv $(VENV)
	$(RUN) -m pip install -e .
	@touch $@

$(VENV)/installed-test: $(VENV)/installed
	$(RUN) -m pip install -e '.[test]'
	@touch $@

demo: $(VENV)/installed
	$(RUN) tools/make_demo_data.py data/demo
	$(RUN) tools/run_net.py --cfg configs/AK/DEMO.yaml

test: $(VENV)/installed-test
	$(RUN) -m pytest -m "not slow"

test-all: $(VENV)/installed-test
	$(RUN) -m pytest

torchcodec: $(VENV)/installed
	$(RUN) -m pip install -e '.[torchcodec]'

lint: $(VENV)/installed-test
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .

clean-demo:
	rm -rf data/demo output/demo
