# `make`: install, then results/fig4.pdf from the data that ships with the project. `make test`: the tests.
# `make figures`: all figures and the table of what the paper claims; `make test-claims`: do the claims hold here?
# `make test-slurm`: the chain, and a rehearsal of the papers' campaign, as jobs of a real Slurm on this machine; as root.
# `make docs`: the pages of docs/ as a site with a search, site/index.html; broken links stop it.
# `make rehearsal`: a folder to rehearse the papers' campaign in, with files to read; docs/cluster.md.
PYTHON ?= python3
VENV ?= .venv
TARGET ?= results/fig4.pdf
BIN = $(VENV)/bin
export OMP_NUM_THREADS = 1

.PHONY: figure figures test test-claims test-slurm rehearsal lint docs config-docs reruns clean

figure: $(VENV)/.requirements
	@$(BIN)/snakemake $(TARGET)

figures: $(VENV)/.requirements
	@$(BIN)/snakemake results/figures.pdf results/paper.csv

# two processes, a file of tests in each; JOBS=0 runs them one by one
JOBS ?= 2
test: $(VENV)/.requirements-dev
	$(BIN)/python -m pytest -n $(JOBS) --dist loadfile --no-loadscope-reorder

test-claims: $(VENV)/.requirements-dev
	$(BIN)/python -m pytest tests/claims

test-slurm: $(VENV)/.requirements-dev
	@for name in munged slurmctld slurmd; do command -v $$name > /dev/null || \
	  { echo "$$name is not found. As root: apt-get install slurm-wlm munge"; exit 1; }; done
	WHOLE_REHEARSAL=1 $(BIN)/python -m pytest tests/workflow/test_slurm.py tests/workflow/test_rehearsal.py

FOLDER ?= ../mftl-rehearsal
rehearsal: $(VENV)/.requirements
	@PYTHONPATH=workflow/scripts $(BIN)/python -m mftl.rehearsal $(FOLDER)

lint: $(VENV)/.requirements-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile workflow/rules
	$(BIN)/mypy
	$(BIN)/snakemake --lint

# its pages ask for nothing from the web
DOCS = $(VENV)-docs
docs: $(DOCS)/.requirements
	rm -rf site
	$(DOCS)/bin/sphinx-build -q -W --keep-going -c docs/site -d site/.doctrees . site
	@echo "site/index.html"

config-docs: $(VENV)/.requirements
	cd workflow/scripts && $(abspath $(BIN))/python -m mftl.configdocs ../../config

# the table of what runs after which change, tests/workflow/reruns.yaml
reruns: $(VENV)/.requirements-dev
	PYTHONPATH=workflow/scripts $(BIN)/python tests/workflow/test_reruns.py

$(VENV)/.requirements: requirements.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --disable-pip-version-check -r $<
	@touch $@

$(VENV)/.requirements-dev: requirements-dev.txt $(VENV)/.requirements
	$(BIN)/python -m pip install --disable-pip-version-check -r $<
	@touch $@

$(DOCS)/.requirements: requirements-docs.txt
	@test -x $(DOCS)/bin/python || $(PYTHON) -m venv $(DOCS)
	$(DOCS)/bin/python -m pip install --disable-pip-version-check -r $<
	@touch $@

clean:
	rm -rf results/* .snakemake
