# "make" alone tells what there is. Everything works from a fresh clone on Debian 12 or 13.

VERSION := $(shell sed -n 's/^__version__ = "\(.*\)"$$/\1/p' failberry/__init__.py)
DEB := build/failberry_$(VERSION)_all.deb

.DEFAULT_GOAL := help
.PHONY: deb

deb:  ## build the Debian package, build/failberry_VERSION_all.deb
	@rm -rf build/deb && mkdir -p build/deb/source
	@# A clean copy of what is in the work tree: no byte code, nothing that git ignores, nothing left by an earlier build.
	@git ls-files -z --cached --others --exclude-standard --deduplicate \
		| tar --create --null --files-from=- --ignore-failed-read --warning=no-failed-read \
		| tar --extract --directory=build/deb/source
	@cd build/deb/source && dpkg-buildpackage --build=binary --no-sign >../log 2>&1 || { tail -40 ../log; exit 1; }
	@mv build/deb/failberry_$(VERSION)_all.deb $(DEB)
	@echo $(DEB)
