# One command each: see it run, prove it, measure it.
#   make demo              a town on this machine; ARGS is passed on: make demo ARGS=--tour
#   make test              the whole gate; ARGS is passed to pytest: make test ARGS='-m unit'
#   make money-proof       10,000 payments with all faults on, the books against Stripe's to the yen
#   make mutation          mistakes planted in the arithmetic of money: how many the tests find; minutes
#   make bench             the figures, with their method and machine; make bench HISTORIES=500 for a shorter end
.PHONY: setup demo test money-proof mutation bench lint clean
.DEFAULT_GOAL := setup

bin := .venv/bin
HISTORIES := 20000
PAYMENTS := 10000

setup:
	@deploy/setup

demo: setup
	@exec $(bin)/kaiho demo $(ARGS)

# More than there are cores: many tests wait for other processes, the two that kill them for minutes.
test: check-tools lint
	@$(bin)/python -m pytest -n 5 --dist worksteal -q $(ARGS)

money-proof: setup
	@$(bin)/python -m tests.simulation.money --payments $(PAYMENTS) $(ARGS)

bench: check-tools
	@$(bin)/python -m tests.bench $(ARGS); met=$$?; \
		$(bin)/python -m tests.bench.histories --histories $(HISTORIES) && exit $$met

mutation: setup
	@$(bin)/python -m tests.mutation $(ARGS)

.PHONY: check-tools
check-tools:
	@deploy/setup tests

# `make -k lint` goes on after a failure and shows everything at once.
lint: style types imports

.PHONY: style types imports
style: setup
	$(bin)/ruff check .
	$(bin)/ruff format --check --quiet .

types: setup
	$(bin)/mypy

imports: setup
	$(bin)/lint-imports

clean:
	rm -rf .venv node_modules var booking/static/vendor build dist *.egg-info
	rm -rf .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis .coverage*
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
