# SPDX-License-Identifier: MIT
# The front door; the work is done by meson and by scripts/. `make help` lists what there is.

PREFIX ?= /usr/local
DESTDIR ?=
# `make DEPS=no ...` leaves the system's packages alone.
DEPS ?= yes
# More options for meson, such as MESON_OPTIONS=-Dzfec_name=enabled.
MESON_OPTIONS ?=

# Debian's own meson and python3, whatever stands before them in PATH.
MESON := $(shell test -x /usr/bin/meson && echo /usr/bin/meson || echo meson)
RELEASE := build/release
configured_as = -Dtests=false --prefix=$(PREFIX) $(MESON_OPTIONS)

install_deps = $(if $(filter yes,$(DEPS)),scripts/install-deps $(1))

.PHONY: build demo demo-zfec check soak fuzz bench install deps clean help
.DEFAULT_GOAL := build

build: ## build into build/release (the default)
	@$(call install_deps,build)
	@echo '$(configured_as)' | cmp -s - $(RELEASE)/configured-as || { rm -rf $(RELEASE) && \
		$(MESON) setup $(RELEASE) $(configured_as) && \
		echo '$(configured_as)' >$(RELEASE)/configured-as; }
	@$(MESON) compile -C $(RELEASE)

demo: build ## back up a real tree 3-of-5, lose two places, bring it back, repair
	@scripts/demo $(RELEASE)

demo-zfec: build ## cut a tree into 3-of-10 share files, lose seven, bring it back
	@scripts/demo-zfec $(RELEASE)

check: ## build and run every test, with gcc, clang, sanitizers, valgrind and fuzzers
	@$(call install_deps,build check)
	@scripts/check

fuzz: ## run only the fuzzers, 20 seconds each (SECONDS=n for longer)
	@$(call install_deps,build check)
	@scripts/check $(if $(SECONDS),--fuzz-seconds=$(SECONDS)) fuzz

soak: ## the slow suites, and each fuzzer for 10 minutes
	@$(call install_deps,build check)
	@scripts/soak

bench: ## measure the codec and the tools beside others
	@$(call install_deps,build bench)
	@scripts/bench

install: build ## install below PREFIX (/usr/local), in DESTDIR if given
	@$(MESON) install -C $(RELEASE) --no-rebuild $(if $(DESTDIR),--destdir='$(abspath $(DESTDIR))')
	@test -n '$(DESTDIR)' || test "$$(id -u)" -ne 0 || ldconfig

deps: ## install the Debian packages that build, check and bench need
	@scripts/install-deps build check bench

clean: ## remove everything that was built
	rm -rf build

help: ## this list
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 18
