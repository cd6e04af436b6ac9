# Two commands do everything: `make run` and `make test`.
VENV ?= .venv
export VENV
PYTHON := $(VENV)/bin/python

.PHONY: run test faults fuzz audit lint bench translations

run:
	@tools/setup.sh run
	@exec $(PYTHON) -m flask --app app serve

test:
	@tools/setup.sh test
	@$(PYTHON) -m pytest -n 2 --dist loadfile --no-loadscope-reorder

# The large versions of tests/faults: kills at every step, full disks, writes that fail, lost answers; and of the few
# elsewhere that have one. Takes an hour or two; TESTS=test_F8 runs some. A table of what was tried and survived comes last.
LARGE = tests/faults \
  tests/test_L4_all_printing.py::test_L4_fifty_papers_at_once_leave_the_server_alive \
  tests/test_packs.py::test_S2_what_never_ends_is_stopped_within_its_limits_with_one_sentence_and_the_next_paper_is_the_same \
  tests/security/test_B5_scanned_content.py \
  tests/security/test_S9_uploads.py::test_S9_many_senders_that_crawl_keep_nobody_waiting \
  tests/test_sign_in.py::test_S8_a_thousand_wrong_passwords_over_ten_accounts_are_slowed_and_lock_nobody_out_of_his_own_device \
  tests/test_sign_in.py::test_S8_guesses_from_fifty_addresses_are_slowed_by_the_account \
  tests/test_object_level.py::test_S3_what_is_of_another_entity_is_not_there_on_any_route_by_any_method \
  tests/test_object_level.py::test_S3_nor_is_it_there_on_postgresql \
  tests/test_sign_in.py::test_S8_an_unknown_user_takes_as_long_as_a_wrong_password
faults:
	@tools/setup.sh test
	@table=$$(mktemp); FAULTS_LARGE=$$table $(PYTHON) -m pytest $(LARGE) $(if $(TESTS),-k "$(TESTS)"); status=$$?; \
	echo; echo "survived"; echo "   no.    times  what was tried"; \
	sort -V $$table | awk -F'\t' '{printf "   %-5s %7d  %s\n", $$1, $$2, $$3}'; rm -f $$table; exit $$status

# N invented inputs, shared out among the parsers and endpoints; SEED=2 takes others, TESTS=uploads some of the targets.
# A table of how many each had, in how many seconds, and how they were answered, comes last.
fuzz:
	@tools/setup.sh test
	@table=$$(mktemp); FUZZ=$(or $(N),10000) FUZZ_SEED=$(or $(SEED),1) FUZZ_TABLE=$$table \
	  $(PYTHON) -m pytest tests/security/test_fuzz.py tests/security/test_S10_guessing.py $(if $(TESTS),-k "$(TESTS)"); status=$$?; \
	echo; echo "    inputs seconds  target: answers by status"; \
	awk -F'\t' '{printf "   %7d %7d  %s: %s\n", $$2, $$3, $$1, $$4}' $$table; rm -f $$table; exit $$status

# The locked packages beside the public lists of known vulnerabilities; says so, and fails nothing, without a network.
audit:
	@tools/setup.sh test
	@PYTHON=$(PYTHON) tools/audit.sh

lint:
	@tools/setup.sh test
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check .
	@$(VENV)/bin/mypy

# JSON=FILE writes the figures as a list of {name, value, unit, rival, ratio} too; BOXES=1000000 makes the largest ledger
# ten times as large, which takes long to build.
bench:
	@tools/setup.sh test
	@$(PYTHON) -m benchmarks $(if $(JSON),--json $(JSON)) $(if $(BOXES),--boxes $(BOXES))

# Collect the sentences of pages and rules into the catalogues; then translate what is new in translations/*/…/messages.po.
translations:
	@$(VENV)/bin/pybabel -q extract -F babel.cfg -k N_ -k lazy_gettext --no-location --sort-output -o translations/messages.pot .
	@$(VENV)/bin/pybabel -q update -i translations/messages.pot -d translations --no-fuzzy-matching --ignore-obsolete
