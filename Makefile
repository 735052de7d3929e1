# One command per intention. Each sets up what it needs in .venv (plain venv and pip, exact versions).
#
#   make demo    the main job: real models, a forecast, replicas started before the spike (TRACE=FILE.csv: your own)
#   make test    every test
#   make client-needs   gRPC's C++ and Node clients, which the tests of real clients then try too
#   make test-kubernetes   the tests on a real Kubernetes control plane, which is built first (10 minutes, once; cached)
#   make images  the services' container images, by buildah (BASE=… names another base image); make test-images tries them
#   make check   style, types, import contracts, generated stubs
#   make check-native   the C++ data plane: its tests plain, under ASan + UBSan and under TSan; its Python bindings
#   make fuzz    each of the data plane's fuzz harnesses for FUZZ_S seconds (600), from the committed corpus
#   make proto   regenerate protos/*_pb2*
#   make bench   the benchmarks (minutes; results are printed and recorded in benchmarks/results)

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.set-up
NATIVE_SOURCES := dataplane/CMakeLists.txt $(wildcard dataplane/bindings/* dataplane/engine/* dataplane/grpc/* dataplane/proxy/*)
NATIVE_NEEDS = sh dataplane/needs.sh g++ cmake pkg-config libnghttp2-dev zlib1g-dev
# $(PYTHON)'s, not the venv's: make expands a recipe before its first line has made that.
PYTHON_HEADERS = $(shell $(PYTHON) -c 'import pathlib, sysconfig; \
	print("" if pathlib.Path(sysconfig.get_path("include"), "Python.h").exists() else "python3-dev")')
MAKEFLAGS += --no-print-directory

.PHONY: setup proto check check-native fuzz test control-plane test-kubernetes images test-images client-needs bench demo clean

setup: $(STAMP)

# Changed C++ sources are compiled by the same command: pip finds everything else in place, CMake builds what is new.
$(STAMP): pyproject.toml constraints.txt $(NATIVE_SOURCES)
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(0 if v >= (3, 11) else f"Tidegate needs Python 3.11 or newer; {sys.executable} is {v.major}.{v.minor}. Say which with: make PYTHON=python3.11")'
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || sh -c 'test "$$(id -u)" = 0 && command -v apt-get >/dev/null \
		&& apt-get update -qq && apt-get install -qq -y python3-venv' \
		|| { echo "$(PYTHON) can make no virtual environment: apt-get install python3-venv" >&2; exit 1; }
	@test -x $(BIN)/pip || $(PYTHON) -m venv $(VENV)
	@$(NATIVE_NEEDS) $(PYTHON_HEADERS)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt scikit-build-core nanobind
	CMAKE_BUILD_PARALLEL_LEVEL=2 $(BIN)/python -m pip install --quiet --constraint constraints.txt --no-build-isolation --editable '.[all,dev]'
	@touch $@

PROTOC = $(BIN)/python -m grpc_tools.protoc -I. --python_out=$(1) --pyi_out=$(1) --grpc_python_out=$(1) protos/*.proto

proto: setup
	$(call PROTOC,.)

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	@generated=$$(mktemp -d) && trap 'rm -rf "$$generated"' EXIT && $(call PROTOC,"$$generated") \
		&& for file in "$$generated"/protos/*; do diff -u "protos/$$(basename "$$file")" "$$file" \
		|| { echo "protos/$$(basename "$$file") is not what its .proto makes: run 'make proto'" >&2; exit 1; }; done

# The extension's own build folder gets the C++ tests too; the sanitizers need builds of their own.
NATIVE_TESTS = cmake -S dataplane -B build/$(1) $(2) >/dev/null && cmake --build build/$(1) -j2 \
	&& ctest --test-dir build/$(1) --output-on-failure
SANITIZED = -DCMAKE_BUILD_TYPE=Debug -DCMAKE_CXX_FLAGS_DEBUG='-O1 -g' -DTIDEGATE_SANITIZE
MEMORY := address,undefined

check-native: setup
	@$(NATIVE_NEEDS) doctest-dev
	$(call NATIVE_TESTS,native,-DTIDEGATE_TESTS=ON)
	$(BIN)/pytest --import-mode=prepend dataplane/tests/python
	$(call NATIVE_TESTS,native-memory,$(SANITIZED)=$(MEMORY))
	$(call NATIVE_TESTS,native-thread,$(SANITIZED)=thread)

FUZZ_S ?= 600
fuzz:
	$(NATIVE_NEEDS) clang
	@sh dataplane/needs.sh libclang-rt-$$(clang -dumpversion | cut -d. -f1)-dev  # libFuzzer
	cmake -S dataplane -B build/fuzz -DCMAKE_CXX_COMPILER=clang++ -DCMAKE_BUILD_TYPE=Debug -DCMAKE_CXX_FLAGS_DEBUG='-O1 -g' \
		-DTIDEGATE_TESTS=OFF -DTIDEGATE_FUZZ=ON -DTIDEGATE_SANITIZE=address,undefined,fuzzer-no-link >/dev/null
	cmake --build build/fuzz -j2
	@for harness in headers model_name wire backend; do mkdir -p build/fuzz/found/$$harness && build/fuzz/fuzz_$$harness \
		-max_total_time=$(FUZZ_S) -max_len=4096 build/fuzz/found/$$harness dataplane/fuzz/corpus/$$harness || exit 1; done

test: setup
	$(BIN)/pytest

# Clients of other makers for tests/integration/test_real_clients.py, which skips those that are missing.
CACHE := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/tidegate
GRPC_CPP := libgrpc++-dev libprotobuf-dev protobuf-compiler protobuf-compiler-grpc
client-needs: build/clients/client $(CACHE)/node/node_modules

build/clients/client: tests/integration/real_clients/client.cc protos/inference.proto
	@sh dataplane/needs.sh g++ pkg-config $(GRPC_CPP)
	mkdir -p build/clients && protoc -I. --cpp_out=build/clients --grpc_out=build/clients \
		--plugin=protoc-gen-grpc=$$(command -v grpc_cpp_plugin) protos/inference.proto
	g++ -std=c++17 -O0 -Ibuild/clients $< build/clients/protos/*.cc -o $@ $$(pkg-config --cflags --libs grpc++ protobuf)

$(CACHE)/node/node_modules:
	@command -v npm >/dev/null || sh dataplane/needs.sh npm
	npm install --silent --no-audit --no-fund --ignore-scripts --prefix $(CACHE)/node @grpc/grpc-js@1.14.7 @grpc/proto-loader@0.8.1

# Built once into the cache (about ten minutes on two cores), unless KUBEBUILDER_ASSETS names other binaries.
control-plane:
	@test -n "$$KUBEBUILDER_ASSETS" \
		|| tests/kubernetes/build-control-plane "$${XDG_CACHE_HOME:-$$HOME/.cache}/tidegate/kubernetes-1.20.2" >/dev/null

test-kubernetes: setup control-plane
	$(BIN)/pytest tests/kubernetes

# By buildah alone: no daemon, no root, and no registry where BASE is local (tests/images/make-base makes one).
# IMAGE_FLAGS is for what the network here asks for, such as --volume /etc/ssl/certs:/etc/ssl/certs:ro.
SERVICES := router scaler forecaster model-server
BASE := docker.io/library/debian:12-slim
VERSION = $(shell sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)
images:
	@sh dataplane/needs.sh buildah
	for service in $(SERVICES); do buildah bud --layers --isolation chroot --build-arg BASE=$(BASE) $(IMAGE_FLAGS) \
		--target $$service --tag tidegate/$$service:$(VERSION) . || exit 1; done

test-images: setup images
	$(BIN)/pytest tests/images

bench: setup
	$(BIN)/python -m benchmarks

demo: setup
	$(BIN)/tidegate demo $(if $(TRACE),--trace $(TRACE))

clean:
	rm -rf $(VENV) build dist demo-out .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
