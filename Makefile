# A thin front door: each target asks scripts/install_deps.sh for what it needs, then lets CMake do the work.
#   make train_mnist ARGS="--minutes 2"     arguments for the program
#   make V=1                                show the compiler's output
ARGS ?=
BUILD := scripts/build.sh
# Tests that use several threads run beside each other: a few at a time.
CTEST = ctest --output-on-failure --no-tests=error --parallel $(shell scripts/jobs.sh)

.PHONY: build train_mnist sample test bench check format coverage docs figures check-docs clean help
.NOTPARALLEL:

build: ; @scripts/install_deps.sh build && $(BUILD) release programs

train_mnist sample: ; @scripts/install_deps.sh build && $(BUILD) release $@ && exec build/$@ $(ARGS)

bench: ; @scripts/install_deps.sh build && $(BUILD) release bench_inkling && exec build/bench_inkling $(ARGS)

test: ; @scripts/install_deps.sh build test && $(BUILD) release tests -DINK_TESTS=ON && $(CTEST) --test-dir build

check: ; @scripts/install_deps.sh build test check && scripts/check.sh

format: ; @scripts/install_deps.sh check && scripts/check_format.sh --fix

coverage: ; @scripts/install_deps.sh build test coverage && $(BUILD) coverage tests && scripts/coverage.sh

docs: ; @scripts/install_deps.sh docs && scripts/docs/build.py . build/docs

figures: ; @scripts/install_deps.sh build && $(BUILD) release figures && build/figures $(ARGS)

check-docs: ; @scripts/install_deps.sh build docs browser && $(BUILD) release figures && \
	build/figures --out build/drawn >/dev/null && scripts/docs/build.py . build/docs build/drawn && tests/docs/test_site.sh

clean: ; rm -rf build

help:
	@echo 'make train_mnist   train a diffusion model on MNIST   (ARGS="--minutes 2" passes arguments)'
	@echo 'make sample        draw digits with a trained model   (ARGS="--checkpoint ...")'
	@echo 'make               build the library and the programs into build/'
	@echo 'make test          build and run the test suite, in float and in double'
	@echo 'make check         formatting, layers, equation tags, file lengths, clang-tidy'
	@echo 'make format        apply the formatting that check asks for'
	@echo 'make bench         time the training step, the sampling step and each kernel'
	@echo 'make coverage      line coverage of tensor, autograd, nn, diffusion'
	@echo 'make docs          the derivations beside the code, as a site: build/docs/index.html'
	@echo 'make figures       draw the figures of the derivations anew, into docs/figures'
	@echo 'make check-docs    the site with its figures drawn anew, every page looked at in a headless browser'
	@echo 'make clean         remove build/'
	@echo 'Missing packages are installed with apt-get where there is one; V=1 shows the compiler at work.'
