# make demo      a small data set, a trained SlowFast, and its table of results
# make ethogram  predicts on the demo film with that SlowFast, and compares with the known events
# make test      the tests that take minutes; make test-all adds those that take long
# make cuda-check  what only a GPU can show, in at most 8 minutes; it installs nothing
# make torchcodec  the optional decoder of videos; it needs FFmpeg of the system's packages too
# make lint      formatting and lint, by the settings of pyproject.toml
# Everything is installed into .venv, once; `make PYTHON=python3.12 demo` chooses the interpreter.

PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python
# As many workers as the system has cores (`auto` would count two threads of a core as one).
# `worksteal` keeps the tests of a file, and so its shared fixtures, in one worker mostly.
# The tests run on the CPU, on a machine with a GPU too; `make cuda-check` runs those for a GPU.
PYTEST := CUDA_VISIBLE_DEVICES= $(RUN) -m pytest -n logical --maxprocesses 8 --dist worksteal

DEMO_WEIGHTS := output/demo/checkpoints/best.pyth
ETHOGRAM := output/demo/predictions

.PHONY: demo ethogram test test-all cuda-check torchcodec lint clean-demo

# One stamp file for each set of requirements: pip runs again only when they change.
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

# Without the weights it makes the demo first. With them, the first command adds a missing film.
ethogram: $(VENV)/installed
	test -f $(DEMO_WEIGHTS) || $(MAKE) demo
	$(RUN) tools/make_demo_data.py data/demo
	$(RUN) tools/predict.py --checkpoint $(DEMO_WEIGHTS) data/demo/film/film.mp4 --out $(ETHOGRAM) \
		--frames PREDICT.STRIDE 0.34 PREDICT.SPATIAL_CROPS 3 PREDICT.THRESHOLD 0.5
	$(RUN) tools/evaluate_events.py data/demo/film/events.csv $(ETHOGRAM) --pages $(ETHOGRAM)

test: $(VENV)/installed-test
	$(PYTEST) -m "not slow"

test-all: $(VENV)/installed-test
	$(PYTEST)

cuda-check:
	$(if $(wildcard $(RUN)),$(RUN),$(PYTHON)) tools/cuda_check.py

torchcodec: $(VENV)/installed
	$(RUN) -m pip install -e '.[torchcodec]'

lint: $(VENV)/installed-test
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .

clean-demo:
	rm -rf data/demo output/demo
