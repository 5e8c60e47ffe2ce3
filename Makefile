# The work is done by the scripts in scripts/ and by Meson; see 'make help'.
.DEFAULT_GOAL := build
.PHONY: build run check lint format bench soak install uninstall clean help
.SILENT:
MAKEFLAGS += --no-print-directory

# A file name may hold anything: it is handed over as it is, in the environment.
override VIDEO := $(value VIDEO)
export VIDEO

PREFIX ?= /usr/local
export PREFIX DESTDIR

build: ## set up and build build/kirinuki
	scripts/build.sh

run: ## make clips of VIDEO=path, or of a sample talk; options in ARGS="..."
	scripts/run.sh $(ARGS)

check: ## all tests (with CI=true: every compiler, sanitizer, fuzzer and lint)
	scripts/check.sh

lint: ## static analysis, layout of the code, layers, scripts
	scripts/setup.sh build ci
	scripts/lint.sh

format: ## lay the code out as .clang-format says
	git ls-files '*.[ch]' | xargs clang-format -i

bench: ## measure speed and quality, as ratios
	scripts/bench.sh

soak: ## kill workers at every call, then stop and restart runs for MINUTES=10
	MINUTES="$(or $(MINUTES),10)" scripts/soak.sh

install: build ## install below PREFIX=/usr/local (DESTDIR is respected)
	scripts/install.sh

uninstall: ## remove what 'make install' put there
	scripts/install.sh --remove

clean: ## remove every build folder
	rm -rf build build-*

help: ## this list
	awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' Makefile
