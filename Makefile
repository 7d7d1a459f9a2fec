# "make" alone tells what there is. Everything works from a fresh clone on Debian 12 or 13.

PYTHON ?= python3
VERSION := $(shell sed -n 's/^__version__ = "\(.*\)"$$/\1/p' failberry/__init__.py)
DEB := build/failberry_$(VERSION)_all.deb
IMAGE_DEB := build/failberry-image_$(VERSION)_all.deb
PYTEST := .venv/bin/python -m pytest
WITH_DEB := FAILBERRY_DEB=$(CURDIR)/$(DEB)

# The package and its checks; the Python environment, two parts of which are compiled; real kernel, pppd and systemd
# for the tests; the lab's virtual machine; the SD card, and other processors for it; a browser, and what judges pages.
PACKAGES := git build-essential debhelper dh-python fakeroot lintian shellcheck \
	python3-venv python3-dev pkg-config libsystemd-dev \
	systemd ppp nftables iptables iproute2 iputils-ping procps conntrack curl busybox \
	dnsmasq-base keepalived ddclient inadyn openssl zsh fish man-db tmux \
	apt-utils gpg gpgv nmap openssh-client lynis \
	qemu-system-x86 qemu-utils mmdebstrap debian-archive-keyring e2fsprogs util-linux \
	fdisk dosfstools mtools xz-utils u-boot-tools initramfs-tools-core \
	qemu-system-arm qemu-user-static binfmt-support arch-test rsync \
	chromium fonts-dejavu-core $(if $(shell command -v npm),,npm)

TIERS := lint unit aws simulation netns web lab image-smoke

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help setup deb image image-test $(TIERS) test soak publish-apt bench bench-failover bench-lambda demo clean

help:
	@echo "Failberry $(VERSION)"
	@awk -F ':.*  ## ' '/^[a-z-]+:.*  ## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: .venv/complete tests/web/node_modules/complete  ## install what is missing on this machine, and the Python environment in .venv

.venv/complete: pyproject.toml | packages
	@echo "setup: Python packages into .venv"
	@test -x .venv/bin/python || $(PYTHON) -m venv .venv
	@.venv/bin/python -c 'import tomllib; p = tomllib.load(open("pyproject.toml", "rb"))["project"]; \
		print(*p["dependencies"], *sum(p["optional-dependencies"].values(), []), sep="\n")' >.venv/requirements
	@.venv/bin/python -m pip install --quiet --disable-pip-version-check --requirement .venv/requirements
	@touch $@

tests/web/node_modules/complete: tests/web/package.json | packages
	@echo "setup: what judges pages, into tests/web/node_modules"
	@npm install --prefix tests/web --no-package-lock --no-audit --no-fund --silent
	@touch $@

.PHONY: packages
packages:
	@missing=$$(printf '%s\n' $(PACKAGES) | grep --invert-match --line-regexp --fixed-strings "$$(dpkg-query --show \
		--showformat='$${db:Status-Status} $${Package}\n' $(PACKAGES) 2>/dev/null | sed -n 's/^installed //p')"); \
	[ -n "$$missing" ] || exit 0; \
	set -- apt-get install --yes --no-install-recommends $$missing; \
	if [ "$$(id -u)" != 0 ]; then echo "setup: not installed yet. Run this, then make again:"; echo "  sudo $$*"; exit 1; fi; \
	echo "setup: Debian packages:" $$missing; \
	apt-get -o Acquire::Retries=3 --quiet=2 update && DEBIAN_FRONTEND=noninteractive "$$@"

deb:  ## build the Debian packages: failberry, and what makes an image of it
	@# A clean copy of what is in the work tree: no byte code, nothing that git ignores, nothing of an earlier build.
	@# In a folder of its own: two may be building at once.
	@set -e; mkdir -p build; folder=$$(mktemp -d build/deb.XXXXXX); trap 'rm -rf "$$folder"' EXIT; mkdir "$$folder/source"; \
	git -c safe.directory=$(CURDIR) ls-files -z --cached --others --exclude-standard --deduplicate \
		| tar --create --null --files-from=- --ignore-failed-read --warning=no-failed-read \
		| tar --extract --directory="$$folder/source"; \
	(cd "$$folder/source" && dpkg-buildpackage --build=binary --no-sign) >"$$folder/log" 2>&1 \
		|| { tail -40 "$$folder/log"; exit 1; }; \
	mv "$$folder"/failberry-image_$(VERSION)_all.deb $(IMAGE_DEB); \
	mv "$$folder"/failberry_$(VERSION)_all.deb $(DEB)
	@echo $(DEB)

# The build's own progress is shown; what was built is told at its end. BASE_AGE: days that Debian's part may be old.
ARCH ?= arm64
image: setup deb  ## build the SD card: ARCH=arm64 (Pi 3, 4), arm64-pi5 (an experiment), armhf (Pi 2), amd64 (for tests) (root)
	@$(PYTHON) -m image --arch $(ARCH) --deb $(DEB) --image-deb $(IMAGE_DEB) --base-age $(or $(BASE_AGE),1) $(IMAGE_OPTIONS)

lint: deb  ## the linters: Python, shell, systemd units, the package, the rules of the house
	@$(WITH_DEB) $(PYTEST) tests/linters

# One process more than processors, for some wait. Byte code is kept: to compile it takes a third of the tests' time.
unit:  ## without the world: units, golden files
	@env -u PYTHONDONTWRITEBYTECODE $(PYTEST) --numprocesses=$$(($$(nproc) + 1)) tests/unit tests/golden

aws:  ## our functions at AWS, their deployment, and clients of others, against stand-ins
	@$(PYTEST) --numprocesses=auto tests/aws

simulation:  ## any event in any state; weeks and months of faults in virtual time, from seeds
	@$(PYTEST) --numprocesses=auto tests/property tests/simulation

# Most of it waits for what takes its time; each process has namespaces of its own.
netns:  ## in network namespaces of this machine's kernel (root), and in a terminal
	@$(PYTEST) --numprocesses=2 --dist=loadfile tests/netns tests/terminal

web:  ## the page, in a real browser, on the real daemon in network namespaces (root)
	@$(PYTEST) --numprocesses=2 --dist=loadfile tests/web

# The load of the machine that they run on is not known: a deadline has to end what would wait for ever, and no more. In
# soak, which runs them all, it is what it says.
lab image-smoke: export FAILBERRY_PATIENCE ?= 3

lab: deb  ## in the virtual machine, with the installed package and a modem on a real USB bus (root, once)
	@$(WITH_DEB) $(PYTEST) -m "not soak" tests/lab

soak: deb  ## every scenario of the lab, FAILBERRY_REPEAT times each (5), and 10,000 months of faults: hours
	@$(WITH_DEB) FAILBERRY_REPEAT=$${FAILBERRY_REPEAT:-5} $(PYTEST) --override-ini=timeout=7200 tests/lab
	@$(PYTHON) -m image --arch amd64 --deb $(DEB) --image-deb $(IMAGE_DEB) --base-age 30 --no-compress
	@FAILBERRY_REPEAT=50 $(PYTEST) --override-ini=timeout=36000 -m soak -s tests/image
	@FAILBERRY_MONTHS=10000 $(PYTEST) --numprocesses=auto --override-ini=timeout=7200 tests/simulation

# Debian's part of the card comes from the cache if it is less than a month old; CARDS: what is built and tested.
CARDS ?= amd64 arm64 armhf
image-smoke: deb  ## the SD card in the virtual machine: it boots, and survives power cuts (root)
	@$(PYTHON) -m image --arch amd64 --deb $(DEB) --image-deb $(IMAGE_DEB) --base-age 30 --no-compress
	@$(PYTEST) -m smoke -s tests/image

image-test: setup deb  ## all of the SD card's tests, for three processors (root; hours)
	@for arch in $(CARDS); do \
		$(PYTHON) -m image --arch $$arch --deb $(DEB) --image-deb $(IMAGE_DEB) --base-age 30 --no-compress $(IMAGE_OPTIONS) \
			|| exit 1; \
	done
	@$(PYTEST) -m "not soak" -s tests/image

test: setup  ## everything
	@failed=; times=; \
	for tier in $(TIERS); do \
		start=$$(date +%s); \
		$(MAKE) --no-print-directory $$tier && result=passed || { result=FAILED; failed="$$failed $$tier"; }; \
		times="$$times$$(printf '%-10s %s in %s s' $$tier $$result $$(($$(date +%s) - start)))\n"; \
	done; \
	printf "\n$$times"; [ -z "$$failed" ]

publish-apt: setup deb  ## publish the packages in an APT repository on S3: BUCKET=… KEY=fingerprint [ENDPOINT=…]
	@$(if $(ENDPOINT),AWS_ENDPOINT_URL_S3=$(ENDPOINT)) .venv/bin/python -m publish \
		--bucket "$(BUCKET)" --key "$(KEY)" $(PUBLISH_OPTIONS) $(DEB) $(IMAGE_DEB)

bench: setup deb  ## the benchmarks, as ratios to what they are measured against
	@.venv/bin/python bench/ctl.py
	@.venv/bin/python bench/health.py
	@.venv/bin/python -m bench.writes
	@.venv/bin/python -m bench.web
	@.venv/bin/python -m bench.told
	@$(WITH_DEB) .venv/bin/python -m bench.dial
	@$(WITH_DEB) .venv/bin/python -m bench.memory
	@$(MAKE) --no-print-directory bench-lambda
	@$(MAKE) --no-print-directory bench-failover

bench-lambda: setup  ## what the functions at AWS cost in time, and a health check in bytes (root)
	@.venv/bin/python -m bench.lambda

bench-failover: setup  ## time until new connections work after a fault, against peers (root, 20 minutes)
	@.venv/bin/python -m bench.failover

demo: setup deb  ## watch the main job: a stick is plugged in, dials, carries the house, is killed, comes back
	@$(WITH_DEB) .venv/bin/python -m tests.lab.demo

clean:  ## remove what was built here; the lab's images stay in ~/.cache/failberry
	@rm -rf build .hypothesis .mypy_cache .pytest_cache .ruff_cache
	@find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -r {} +
