# The front door. `make help` lists what there is; CMake does the work.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := build

JOBS ?= $(shell nproc)
FUZZ_SECONDS ?= 30
PREFIX ?= /usr/local
SEED ?=
SEEDS ?=
ARGS ?=

# Lets ccache trust precompiled headers, whose time stamps differ from build to build.
export CCACHE_SLOPPINESS := pch_defines,time_macros,include_file_mtime,include_file_ctime

SETUP := build/.setup-$(shell sha256sum packages.txt | cut -c1-12)
CONFIGURE := cmake -S . -G Ninja
SANITIZED := base core store nats peer directory

.PHONY: help setup build run install test test-bus test-chaos test-upgrade test-sanitize lint format bench fuzz sim sim-long sim-planted \
        demo demo-chaos clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "%-15s %s\n", $$1, $$2}' Makefile

$(SETUP): packages.txt tools/setup
	@tools/setup
	@mkdir -p build && rm -f build/.setup-* && touch $@

setup: $(SETUP) ## install the Debian packages that are missing (packages.txt)

build/release/build.ninja: $(SETUP)
	@$(CONFIGURE) -B build/release -DCMAKE_BUILD_TYPE=Release
	@mkdir -p build/bin && ln -sf ../release/bin/callbook build/bin/callbook

build: build/release/build.ninja ## build build/bin/callbook
	@cmake --build build/release -j $(JOBS) --target callbook

run: build ## build and serve on 127.0.0.1:7070, data in build/data (ARGS= for more flags)
	@exec build/bin/callbook server --data build/data $(ARGS)

install: build ## install the binary and the C++ client under PREFIX (/usr/local)
	@cmake --build build/release -j $(JOBS) --target packaging/all
	@cmake --install build/release --prefix $(PREFIX)

test: build/release/build.ninja ## build everything and run every test
	@cmake --build build/release -j $(JOBS)
	@ctest --test-dir build/release --output-on-failure --no-tests=error -j $(JOBS)

test-bus: build/release/build.ninja ## the bus's contract, with three NATS servers as well
	@cmake --build build/release -j $(JOBS) --target bus_contract_test
	@CALLBOOK_NATS_SERVER=$$(command -v nats-server || echo /usr/sbin/nats-server) \
	  CALLBOOK_MAKE_IDENTITIES=tests/bus/make_identities.py \
	  build/release/bin/bus_contract_test

test-chaos: build ## 200 kills and pauses of nodes and bus servers (FAULTS=, CHAOS_SEED= for others)
	@cd tests/e2e && CHAOS_AGREE_SECONDS=10 CHAOS_FAULTS=$(or $(FAULTS),200) CHAOS_SEED=$(or $(CHAOS_SEED),1) \
	  CALLBOOK_BIN=$(CURDIR)/build/bin/callbook \
	  /usr/bin/python3 -B -m pytest -q -s -p no:cacheprovider test_cluster_chaos.py

test-upgrade: build ## nodes and clients of the last release and of this build together (UPGRADE_FAULTS=, UPGRADE_SEED=)
	@cmake --build build/release -j $(JOBS) --target callbook $(if $(wildcard build/release/examples/orders),orders_server orders_caller)
	@old=$$(tests/upgrade/release.py $(JOBS)) && cd tests/upgrade && CALLBOOK_OLD_BIN=$$old \
	  CALLBOOK_NEW_BIN=$(CURDIR)/build/release/bin CALLBOOK_BIN=$(CURDIR)/build/release/bin/callbook \
	  /usr/bin/python3 -B -m pytest -q -s -p no:cacheprovider $(ARGS)

test-sanitize: $(SETUP) ## run the unit tests of the inner layers under the sanitizers
	@tools/test_sanitize asan address,undefined $(SANITIZED)
	@tools/test_sanitize tsan thread $(SANITIZED)

lint: build/release/build.ninja ## check layout, faults and the rules of the house
	@cmake --build build/release -j $(JOBS) --target callbook_generated
	@tools/lint $(JOBS)

format: $(SETUP) ## lay out every C++ file
	@tools/cpp_files | xargs -r clang-format-16 -i

bench: build ## measure (bench/run)
	@cmake --build build/release -j $(JOBS) --target bench/all
	@bench/run $(ARGS)

fuzz: $(SETUP) ## run every fuzz target for FUZZ_SECONDS (30)
	@$(CONFIGURE) -B build/fuzz -DCMAKE_BUILD_TYPE=Release -DCMAKE_CXX_COMPILER=clang++-16 \
	  -DCALLBOOK_FUZZ=ON -DCALLBOOK_TESTS=OFF -DCALLBOOK_BENCH=OFF
	@cmake --build build/fuzz -j $(JOBS) --target fuzz/all
	@tools/fuzz $(FUZZ_SECONDS)

sim: build/release/build.ninja ## simulate seeds 1-1000 (SEEDS= for others), or one twice (SEED=)
	@cmake --build build/release -j $(JOBS) --target callbook-sim
	@build/release/bin/callbook-sim \
	  $(if $(SEED),--seed $(SEED),--seeds $(or $(SEEDS),1-1000) --jobs $(JOBS)) $(ARGS)

sim-long: build/release/build.ninja ## simulate seeds 1-100000
	@cmake --build build/release -j $(JOBS) --target callbook-sim
	@build/release/bin/callbook-sim --seeds 1-100000 --jobs $(JOBS) $(ARGS)

sim-planted: build/release/build.ninja ## plant bugs in copies of the source; the simulator must find them
	@tools/planted --jobs $(JOBS) --table docs/simulation.md $(ARGS)

demo: build ## a short walk through a running registry
	@examples/demo.sh

demo-chaos: build ## calls that must not fail, for two minutes of kills, deploys and stops (ARGS=)
	@cmake --build build/release -j $(JOBS) --target orders_server orders_caller
	@examples/chaos.py $(ARGS)

clean: ## remove everything that was built (not the installed packages)
	@rm -rf build
