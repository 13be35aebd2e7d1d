# Every target is a short script in scripts/; none needs more than rustup's cargo, git and make to begin with.

.PHONY: help run build test soak bench tidy env clean-cache

help:
	@echo 'Bayplan'
	@echo
	@echo '  make run          build what is missing and start the embedded cluster with a sample app'
	@echo '  make test         formatting, lints, tidy checks and all tests'
	@echo '  make soak         what takes hours: 100,000 simulated histories, 50 kills of a real leader'
	@echo '  make bench        the benchmarks, with the release profile'
	@echo '  make build        the binary only'
	@echo '  make tidy         the structural checks only (cargo xtask tidy)'
	@echo '  make env          settings for calling cargo yourself: eval "$$(make -s env)"'
	@echo '  make clean-cache  delete everything that was built, RocksDB too'
	@echo
	@echo 'The first build takes some minutes, because RocksDB is compiled once per machine; see docs/building.md.'

run:
	@./scripts/run.sh

build:
	@./scripts/build.sh

test:
	@./scripts/test.sh

soak:
	@./scripts/soak.sh

bench:
	@./scripts/bench.sh

tidy:
	@./scripts/tidy.sh

env:
	@./scripts/env.sh

clean-cache:
	@./scripts/clean-cache.sh
