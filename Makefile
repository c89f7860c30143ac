# Short recipes only: the work is done in scripts/dev/. Output of long steps goes to .cache/logs/.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.NOTPARALLEL:

# Every recipe that needs the tools starts with this; `make setup` makes both files.
ACTIVATE := . .venv/bin/activate
# The package that the role carries to the LMS has its own tests.
STORAGE_TESTS := roles/block_structure/files/block_structure_storage/tests
# Each of these starts a sandbox of its own with small courses, and removes it again whatever the outcome.
SANDBOX_BENCHES := bench-diagnose bench-generate bench-runtime load-deploy kill-table
in_sandbox = scripts/dev/sandbox up && $(ACTIVATE) && { status=0; $(1) || status=$$?; scripts/dev/sandbox down; exit $$status; }
$(SANDBOX_BENCHES): export BLOCK_STRUCTURE_SANDBOX_NAME := $(or $(BLOCK_STRUCTURE_SANDBOX_NAME),block-structure)-bench
$(SANDBOX_BENCHES): export BLOCK_STRUCTURE_SANDBOX_COURSES := small

.PHONY: help
help: ## Show the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "%-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: setup
setup: ## Make .venv, the container engine and the images ready; a repeat takes seconds
	@scripts/dev/setup

.PHONY: tools
tools:
	@scripts/dev/setup python

.PHONY: demo
demo: export BLOCK_STRUCTURE_SANDBOX_RELEASE ?= palm
demo: setup ## Show a slow site (of the release palm), cure it, show it again (about 10 minutes)
	@scripts/dev/sandbox up
	@$(ACTIVATE) && scripts/dev/demo

.PHONY: bench-runtime
bench-runtime: export BLOCK_STRUCTURE_SANDBOX_RELEASE ?= teak
bench-runtime: setup ## Measure pages with each choice for the runtime (about 15 minutes; not part of `make test`)
	@$(call in_sandbox,scripts/dev/bench-runtime)

.PHONY: demo-down
demo-down: ## Remove the sandbox of the demo
	@scripts/dev/sandbox down

.PHONY: story
story: export BLOCK_STRUCTURE_SANDBOX_RELEASE ?= palm
story: setup browser ## Tell the story of the slow course page on the sandbox, as table, picture and report (about 20 minutes)
	@scripts/dev/sandbox up
	@$(ACTIVATE) && scripts/dev/story

.PHONY: browser
browser: tools
	@scripts/dev/setup browser

.PHONY: memcached
memcached: tools
	@scripts/dev/setup memcached

.PHONY: site
site: tools ## Build the documents as a site into .cache/site, with every link checked
	@$(ACTIVATE) && mkdocs build --quiet

.PHONY: monitoring
monitoring: tools
	@scripts/dev/setup monitoring

.PHONY: report-screenshots
report-screenshots: browser ## Write docs/images from docs/examples
	@$(ACTIVATE) && scripts/dev/report-screenshots

.PHONY: docs
docs: tools ## Write the generated parts of the documents
	@$(ACTIVATE) && python scripts/dev/generate_docs.py

.PHONY: release
release: tools ## Check the checkout, collect the changelog, build and verify archive and wheel in dist/; pushes nothing
	@scripts/dev/release

.PHONY: lint
lint: tools ## Run every linter
	@$(ACTIVATE) && scripts/dev/lint

.PHONY: unit
unit: tools memcached ## Run the unit and property tests
	@$(ACTIVATE) && pytest tests/unit $(STORAGE_TESTS)

.PHONY: fuzz
fuzz: export BLOCK_STRUCTURE_FUZZ ?= 30000
fuzz: tools ## Meet 30,000 inventories, and thousands of damaged files and answers (about 10 minutes; `make test` has some)
	@$(ACTIVATE) && pytest tests/fuzz --capture=no

.PHONY: kubectl
kubectl: tools
	@scripts/dev/setup kubectl

.PHONY: swift
swift: tools
	@scripts/dev/setup swift

.PHONY: stores
stores: export BLOCK_STRUCTURE_STORES := swift ceph juicefs
stores: tools memcached swift ## Run bucket, canary, generation, move, prune and an outage on other stores; write docs/stores.md (five minutes)
	@scripts/dev/setup ceph juicefs
	@rm -rf .cache/stores
	@$(ACTIVATE) && pytest tests/stores && python scripts/dev/stores_table.py

.PHONY: contract
contract: setup ## Run the contract tests of the miniature edxapp (or of a real LMS, see docs/sandbox.md)
	@$(ACTIVATE) && pytest tests/contract

.PHONY: tutor
tutor: export BLOCK_STRUCTURE_SLOW := yes
tutor: setup kubectl ## Cure whole sites of the oldest and newest Tutor too, and run the plugin in every Tutor from 3 to 22
	@$(ACTIVATE) && pytest tests/tutor tests/molecule -k 'tutor and (not tutor_matrix or ironwood or verawood)'

.PHONY: transcripts
transcripts: export BLOCK_STRUCTURE_SLOW := yes
transcripts: setup ## Cure and undo a Tutor site on a real docker engine by both ways; write docs/tutor-transcript.md (half an hour)
	@$(ACTIVATE) && pytest tests/molecule -k tutor_engine && python scripts/dev/transcripts.py

.PHONY: tutor-table
tutor-table: export BLOCK_STRUCTURE_SLOW := yes
tutor-table: tools memcached kubectl ## Run plugin and role in every Tutor from 3 to 22; write the table of docs/releases.md (an hour)
	@rm -rf .cache/tutor-results
	@$(ACTIVATE) && pytest tests/tutor --junitxml=.cache/tutor-results/all.xml && python scripts/dev/tutor_table.py

.PHONY: molecule
molecule: setup browser ## Run every molecule scenario
	@$(ACTIVATE) && pytest tests/molecule

.PHONY: bench-storage
bench-storage: tools ## Time a cold read: plain S3 at added latencies against the local copy
	@$(ACTIVATE) && python scripts/dev/bench_storage.py

.PHONY: stress
stress: export BLOCK_STRUCTURE_STRESS_SECONDS ?= 300
stress: tools ## Stress the resilient class with hosts, processes, threads, faults and kill -9 (five minutes)
	@$(ACTIVATE) && python scripts/dev/stress_storage.py --seconds $$BLOCK_STRUCTURE_STRESS_SECONDS

.PHONY: load-outage
load-outage: export BLOCK_STRUCTURE_OUTAGE_SECONDS ?= 60
load-outage: setup ## Learners keep asking while S3 hangs for a minute (a sandbox of its own)
	@scripts/dev/storage-scenario test_load.py

.PHONY: load-deploy
load-deploy: setup ## Learners keep asking while deploys and a rollback run; no request may fail (about 10 minutes)
	@$(call in_sandbox,scripts/dev/load-deploy)

.PHONY: kill-table
kill-table: setup ## End a deploy after each of its steps, by kill -9 or a power cut; write the table of docs/deploy.md (hours)
	@$(call in_sandbox,scripts/dev/kill-table && python scripts/dev/kill_table.py)

.PHONY: storage-table
storage-table: export BLOCK_STRUCTURE_SLOW = yes
storage-table: setup ## Meet every fault of S3 with both storage classes, write the table of docs/storage.md (up to an hour)
	@rm -f .cache/storage-cells.json
	@scripts/dev/storage-scenario test_outages.py
	@$(ACTIVATE) && python scripts/dev/storage_table.py

.PHONY: test
test: setup browser memcached monitoring swift kubectl lint ## Run everything that CI runs
	@$(ACTIVATE) && pytest tests $(STORAGE_TESTS)

.PHONY: bench-diagnose
bench-diagnose: setup ## Measure what a diagnosis of 1,000 courses costs (about 10 minutes; BENCH_COURSES changes the number)
	@$(call in_sandbox,scripts/dev/bench-diagnose --courses $${BENCH_COURSES:-1000})

.PHONY: test-all
test-all: export BLOCK_STRUCTURE_SLOW := yes
test-all: test stress load-deploy ## The same on every release, with the slow fault tests and the stress run (hours)

.PHONY: matrix
matrix: export BLOCK_STRUCTURE_SLOW := yes
matrix: setup ## Deploy to every release on every platform, verify and roll back; write the table of docs/releases.md (hours)
	@rm -rf .cache/matrix
	@$(ACTIVATE) && { status=0; pytest tests/molecule -k test_matrix_cell || status=$$?; python scripts/dev/matrix_table.py; exit $$status; }

.PHONY: bench-generate
bench-generate: setup ## Measure generation against the platform's own command (about 10 minutes)
	@$(call in_sandbox,scripts/dev/bench-generate)

.PHONY: clean
clean: ## Remove the sandbox, its images and everything that setup made
	@scripts/dev/sandbox down --images
	@rm -rf .venv .cache dist
