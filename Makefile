# Every command of the project. Paths are relative to the root, so that the root's own path may hold anything.

IMPL = twilio_reference
PROFILE = core
REPORT = report.json
PIPECAT =
PYTHON ?=
UPGRADE =
export IMPL PROFILE REPORT PYTHON

ENVIRONMENT = .ci/environment
PY = .venv/bin/python
GRADE_ENV = .venv$(PIPECAT:%=-%)
VERSION_LOCK = locks/pipecat-$(PIPECAT).lock
COMPILE = .venv/bin/uv pip compile --quiet --universal --generate-hashes --no-annotate \
    --custom-compile-command "make lock" $(UPGRADE)
GRADE_SET = --extra live --group grade

.PHONY: help grade test test-live lint types drift check bench proof proof-full docs releases measurements echo vectors spec lock wheel wheel-check release clean grade-env dev-env examples

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1	/p' Makefile | expand -t 14

grade: grade-env ## grade IMPL (default: the reference) at PROFILE (core) into REPORT (report.json), on PIPECAT if given
	"$(GRADE_ENV)/bin/python" -m pytest "--impl=$$IMPL" "--profile=$$PROFILE" "--report=$$REPORT"

# The clock skips only where no other thread is at work, and a process of xdist has one; calls in real time want a quiet
# machine: both run apart.
PYTEST = $(PY) -m pytest -m "not bench"
ALONE = tests/unit/twilio/test_clock.py
REAL_TIME = tests/unit/checks/test_live.py tests/unit/checks/test_server_streamdouble.py tests/product/test_rerun.py

test: dev-env ## run the project's own tests, all but those of calls in real time
	$(PYTEST) $(ALONE)
	$(PYTEST) --numprocesses=auto --dist=loadgroup --benchmark-disable $(ALONE:%=--ignore=%) $(REAL_TIME:%=--ignore=%)

test-live: dev-env ## run the tests of calls in real time
	$(PYTEST) $(REAL_TIME)

lint: dev-env ## style, format, the direction of imports, and docstrings against their signatures
	$(PY) -m ruff check
	$(PY) -m ruff format --check
	.venv/bin/lint-imports --no-logo
	@$(ENVIRONMENT) .venv-docstrings locks/docstrings.lock
	.venv-docstrings/bin/pydoclint --quiet reference/twilio_reference conformance/twilio_conformance

types: dev-env ## mypy, strict
	$(PY) -m mypy

drift: dev-env ## nothing generated differs from its source
	$(PY) -m twilio_vectors.build --check
	$(PY) -m tools.render --check
	$(PY) -m tools.architecture --check

check: lint types drift test ## all that a change must pass

bench: dev-env ## measure speed
	$(PY) -m pytest -m bench

proof: dev-env ## show that every check can fail and that nothing permitted does
	$(PY) -m tests.proof.prove

proof-full: dev-env ## the same, with every check on every broken serializer
	$(PY) -m tests.proof.prove --full

docs: dev-env ## build the pages into site/
	NO_MKDOCS_2_WARNING=1 $(PY) -m mkdocs build --strict --quiet

releases: dev-env ## grade every release of Pipecat and write docs/releases.md
	$(PY) -m tools.releases grade

examples: dev-env ## grade packages for other carriers through their adapters and write docs/examples.md
	$(PY) -m tools.grade_examples

measurements: dev-env ## measure the audio of the reference and of Pipecat anew, for the drawings of reports and docs
	$(PY) -m tools.measure

echo: dev-env ## place echo calls through the reference and through Pipecat's class, side by side
	$(PY) -m tools.echo

vectors: dev-env ## compile vectors/twilio_vectors/cases to vectors/v1
	$(PY) -m twilio_vectors.build

spec: dev-env ## render what is generated from spec/, and the drawing of the architecture
	$(PY) -m tools.render
	$(PY) -m tools.architecture

# uv keeps the versions that it finds in the output file wherever it can: of another Pipecat's lock only what must
# differ from locks/grade.lock does.
lock: dev-env ## write the locks anew, or only PIPECAT's; UPGRADE=--upgrade takes newer releases
ifeq ($(PIPECAT),)
	$(COMPILE) --group build --output-file locks/build.lock
	$(COMPILE) --group docstrings --output-file locks/docstrings.lock
	$(COMPILE) --group release --output-file locks/release.lock
	$(COMPILE) pyproject.toml $(GRADE_SET) --output-file locks/grade.lock
	$(COMPILE) pyproject.toml --all-extras --group dev --constraints locks/grade.lock \
	    --constraints locks/build.lock --output-file locks/dev.lock
	$(COMPILE) pyproject.toml $(GRADE_SET) --resolution lowest-direct --output-file locks/lowest.lock
else
	cp locks/grade.lock $(VERSION_LOCK).part
	echo "pipecat-ai==$(PIPECAT)" | $(COMPILE) pyproject.toml - $(GRADE_SET) --output-file $(VERSION_LOCK).part || \
	    { rm $(VERSION_LOCK).part; exit 1; }
	mv $(VERSION_LOCK).part $(VERSION_LOCK)
endif

wheel: dev-env ## build the sdist, from it the wheel, and vectors.json, into dist/
	rm -rf dist
	$(PY) -m build --no-isolation --outdir dist
	$(PY) -m tools.release vectors dist/vectors.json

release: dev-env ## build the last commit twice, compare, and write it with an SBOM and digests into dist/
	@$(ENVIRONMENT) .venv-release locks/release.lock
	$(PY) -m tools.release build

wheel-check: wheel ## grade the reference with the wheel alone in an empty environment, as from the checkout (or its report CHECKOUT)
	.ci/wheel-check $(CHECKOUT)

clean: ## delete all that make made, the environments too
	rm -rf .venv .venv-* dist site .coverage*
	find . -type d \( -name __pycache__ -o -name .benchmarks -o -name .hypothesis -o -name '.*_cache' \) -prune -exec rm -rf {} +

dev-env:
	@$(ENVIRONMENT) .venv locks/dev.lock

# With other targets in the same run, `grade` waits for their environment, which serves it as well.
grade-env: $(if $(filter-out grade help clean,$(MAKECMDGOALS)),dev-env)
ifeq ($(PIPECAT),)
	@$(ENVIRONMENT) .venv locks/grade.lock locks/dev.lock
else
	@test -e $(VERSION_LOCK) || $(MAKE) lock
	@$(ENVIRONMENT) $(GRADE_ENV) $(VERSION_LOCK)
endif
