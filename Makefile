# make demo       everything on the embedded benchmark: runs, scores, submission tree, check
# make test       linters, type checks and all quick tests
# make test-slow  the tests that take minutes
# make fuzz       the check on 20,000 mutated trees, and unpacking 20,000 damaged archives
# make mistakes   makes every mistake of docs/mistakes.md and writes the page again
# make faults     injects faults into campaigns and writes the table of docs/reliability.md; as root (KILLS=50 SEED=1)
# make packages   Debian's packages that some tests use; those tests are skipped where they are missing
# All of them first set up .venv if necessary.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV ?= .venv
BIN := $(VENV)/bin
LOCK := requirements/cpu.txt
# PyTorch's own index, used if pip does not find the CPU build of torch in its configured indexes.
TORCH_CPU_INDEX := https://download.pytorch.org/whl/cpu
# Published rounds that tests compare the check with, if available: archives or folders v4.1, v5.1 ..., and *.oracle.json.
ROUNDS ?= $(wildcard ../shared/rounds)
ifneq ($(ROUNDS),)
export SUBMITTER_ROUNDS := $(abspath $(ROUNDS))
endif
# Many tests wait for LoadGen's clock, so two at a time take half the time; more would disturb those that measure time.
TEST_PROCESSES ?= 2
# Slurm, two machines made of network namespaces, and the tools that measure a network.
SYSTEM_PACKAGES := slurm-wlm munge libslurm-dev gcc iproute2 iperf3 ethtool
PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check
PIP_LOCK := $(PIP_INSTALL) --no-deps --require-hashes -r $(LOCK)

.PHONY: setup lock demo packages test test-slow fuzz mistakes faults lint bench clean

setup: $(VENV)/.submitter

$(VENV)/.lock: $(LOCK)
	@$(PYTHON) -c 'import sys; assert sys.version_info[:2] == (3, 11), "the lock file requires Python 3.11: make PYTHON=/path/to/python3.11"'
	$(PYTHON) -m venv --clear $(VENV)
	$(PIP_LOCK) || $(PIP_LOCK) --extra-index-url $(TORCH_CPU_INDEX)
	touch $@

$(VENV)/.submitter: $(VENV)/.lock pyproject.toml
	$(PIP_INSTALL) --no-deps --no-build-isolation -e .
	touch $@

# Writes the hashes of the versions that stand in the lock. Needs uv (pip install uv).
lock:
	sed '/^[^#]/,$$d' $(LOCK) > $(LOCK).new
	uv pip compile --quiet --no-deps --no-header --no-annotate --generate-hashes --python-version 3.11 \
		--python-platform x86_64-manylinux_2_28 --extra-index-url $(TORCH_CPU_INDEX) --index-strategy unsafe-best-match \
		$(LOCK) >> $(LOCK).new
	mv $(LOCK).new $(LOCK)

demo: setup
	$(BIN)/submitter run-all examples/demo.toml

# Never fails: a machine without root, Debian or network runs the other tests.
packages:
	@missing=$$(for each in $(SYSTEM_PACKAGES); do dpkg --status $$each > /dev/null 2>&1 || echo $$each; done | xargs); \
	if [ -z "$$missing" ]; then exit 0; \
	elif [ "$$(id -u)" != 0 ] || ! command -v apt-get > /dev/null; then echo "tests are skipped without $$missing"; \
	else apt-get --quiet=2 update && DEBIAN_FRONTEND=noninteractive apt-get --quiet=2 install --yes \
		--no-install-recommends $$missing > /dev/null || echo "tests are skipped without $$missing"; fi

fuzz: setup
	SUBMITTER_FUZZ=20000 $(BIN)/python -m pytest tests/checker/test_checker_fuzz.py -k mutated_trees
	SUBMITTER_FUZZ=20000 $(BIN)/python -m pytest tests/archive/test_extraction.py -k damaged_archives

mistakes: setup
	PYTHONPATH=tests/helpers $(BIN)/python -m mistakes

# In a mount namespace of its own, with which all that it mounts ends.
faults: setup
	PYTHONPATH=tests/helpers unshare --mount $(BIN)/python -m faults $(if $(KILLS),--kills $(KILLS)) $(if $(SEED),--seed $(SEED))

lint: setup
	$(BIN)/ruff check submitter tests bench
	$(BIN)/ruff format --check submitter tests bench
	$(BIN)/mypy
	$(BIN)/zizmor --offline --quiet action.yml .github examples/ci/github-workflow.yml

test: lint
	$(BIN)/python -m pytest -m "not slow and not gpu" --numprocesses $(TEST_PROCESSES) --dist loadscope

test-slow: setup
	$(BIN)/python -m pytest -m slow

bench: setup
	$(BIN)/python bench/harness_overhead.py
	$(BIN)/python bench/engines.py

clean:
	rm -rf $(VENV) build dist *.egg-info
