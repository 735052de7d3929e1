# One command per intention. Each sets up what it needs in .venv (plain venv and pip, exact versions).
#
#   make demo    the main job: real models, a forecast, replicas started before the spike (TRACE=FILE.csv: your own)
#   make test    every test
#   make check   style, types, import contracts, generated stubs
#   make check-native   the data plane's own tests under AddressSanitizer + UBSan and under ThreadSanitizer
#   make fuzz    each of the data plane's fuzz harnesses for FUZZ_S seconds (600), from the committed corpus
#   make proto   regenerate protos/*_pb2*
#   make bench   the benchmarks (minutes; results are printed and recorded in benchmarks/results)

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.set-up

.PHONY: setup proto check check-native fuzz test bench demo clean

setup: $(STAMP)

# What the extension is built from: a change builds it again.
NATIVE := $(wildcard dataplane/CMakeLists.txt dataplane/engine/* dataplane/grpc/* dataplane/proxy/* dataplane/bindings/*)

$(STAMP): pyproject.toml constraints.txt $(NATIVE)
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(0 if v >= (3, 11) else f"Tidegate needs Python 3.11 or newer; {sys.executable} is {v.major}.{v.minor}. Say which with: make PYTHON=python3.11")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || { echo "python3 -m venv failed: on Debian, apt-get install python3-venv" >&2; exit 1; }
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[all,dev]'
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

# The data plane's tests never load Python; each sanitizer has a build of its own (Debian: libnghttp2-dev doctest-dev).
check-native:
	@for sanitizer in address,undefined thread; do \
		cmake -S dataplane -B build/native-$$sanitizer -DCMAKE_BUILD_TYPE=Debug -DCMAKE_CXX_FLAGS_DEBUG='-O1 -g' \
			-DTIDEGATE_SANITIZE=$$sanitizer >/dev/null \
		&& cmake --build build/native-$$sanitizer -j2 \
		&& ctest --test-dir build/native-$$sanitizer --output-on-failure || exit 1; \
	done

FUZZ_S ?= 600
fuzz:
	cmake -S dataplane -B build/fuzz -DCMAKE_CXX_COMPILER=clang++ -DCMAKE_BUILD_TYPE=Debug -DCMAKE_CXX_FLAGS_DEBUG='-O1 -g' \
		-DTIDEGATE_TESTS=OFF -DTIDEGATE_FUZZ=ON -DTIDEGATE_SANITIZE=address,undefined,fuzzer-no-link >/dev/null
	cmake --build build/fuzz -j2
	@for harness in headers model_name wire; do mkdir -p build/fuzz/found/$$harness && build/fuzz/fuzz_$$harness \
		-max_total_time=$(FUZZ_S) -max_len=4096 build/fuzz/found/$$harness dataplane/fuzz/corpus/$$harness || exit 1; done

test: setup
	$(BIN)/pytest

bench: setup
	$(BIN)/python -m benchmarks

demo: setup
	$(BIN)/tidegate demo $(if $(TRACE),--trace $(TRACE))

clean:
	rm -rf $(VENV) build dist demo-out .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
