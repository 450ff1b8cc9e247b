# The only front door of the lab. `make` alone lists what there is.
#
# A target is one line: the work is in services/toolbox/host (what needs nothing but bash and Docker) and in the toolbox
# image (everything else).

SHELL := bash
.DEFAULT_GOAL := help
HOST := services/toolbox/host
export V

# Keeps a value in one piece for the shell. A learner's CMD, which may hold anything, goes through the environment.
quote = '$(subst ','\'',$(1))'

.PHONY: help
help:
	@awk -f $(HOST)/help.awk Makefile

##@ Learners

.PHONY: doctor
doctor: ## look at engine, memory, disk, ports, networks; repair what can be
	@bash $(HOST)/doctor.sh

stage-%: ## start stage N (0: one machine; 1: balancer, two servers; 2: TLS, firewalls, monitor; 3: a machine for each tier) and wait until it serves
	@bash $(HOST)/stage.sh $(call quote,$*)

.PHONY: status
status: ## one screen: machines, health, programs, what the site answers
	@bash $(HOST)/status.sh

.PHONY: run
unexport CMD
run: export LAB_COMMAND = $(value CMD)
run: ## run a shell command on a machine: make run NODE=client CMD='curl -i http://www.foobar.com/'
	@bash $(HOST)/run.sh $(call quote,$(NODE)) "$$LAB_COMMAND"

.PHONY: shell
shell: ## a shell on a machine: make shell NODE=server-1 (the visitor's machine, client, without)
	@bash $(HOST)/shell.sh $(call quote,$(or $(NODE),client))

.PHONY: logs
logs: ## what the machines wrote last; NODE=server-1 for one of them, FOLLOW=1 to go on
	@FOLLOW=$(FOLLOW) bash $(HOST)/logs.sh $(call quote,$(NODE))

.PHONY: ask
ask: ## a question's answer, and what proves it here: make ask Q=0.3 (the questions, without)
	@bash $(HOST)/ask.sh $(call quote,$(Q))

.PHONY: trace
trace: ## one request hop by hop, from the machines' own logs: make trace URL=http://www.foobar.com/products/1
	@bash $(HOST)/trace.sh $(call quote,$(URL))

.PHONY: alerts
alerts: ## what the monitor finds wrong now, and the alerts it wrote down last; LAST=30 for more of them
	@LAST=$(call quote,$(LAST)) bash $(HOST)/alerts.sh

.PHONY: diff
diff: ## what one stage adds to another, and why: make diff FROM=0 TO=1
	@bash $(HOST)/toolbox.sh services/toolbox/bin/diff $(call quote,$(FROM)) $(call quote,$(TO))

.PHONY: reset
reset: ## the stage that is up, back to its first state
	@bash $(HOST)/reset.sh

.PHONY: down
down: ## stop and remove all of the lab
	@bash $(HOST)/down.sh

.PHONY: renew-cert
renew-cert: ## a new certificate for the site while it runs; DAYS=5 for one about to end, DAYS=-1 for one that ended; NODE=web-1 for a machine's own
	@bash $(HOST)/renew-cert.sh $(call quote,$(DAYS)) $(call quote,$(NODE))

.PHONY: trust-ca
trust-ca: ## how your browser comes to trust the lab's certificates; changes nothing
	@bash $(HOST)/trust-ca.sh

.PHONY: token
# USER is in every environment: only one that was typed counts.
token: ## a token for a program to order with: make token USER=ada@example.com
	@bash $(HOST)/token.sh $(call quote,$(if $(filter command%,$(origin USER)),$(USER)))

.PHONY: dlq
dlq: ## the orders whose receipt was given up, and why; REQUEUE=1 puts them back
	@REQUEUE=$(REQUEUE) bash $(HOST)/dlq.sh

##@ Instructors

.PHONY: engine
engine: ## install (Debian, Ubuntu) and start the Docker engine, if there is none
	@bash $(HOST)/engine.sh

.PHONY: images
images: ## build every image, for a machine that will be offline later
	@bash $(HOST)/engine.sh && bash $(HOST)/base.sh && bash $(HOST)/images.sh everything

.PHONY: promote
promote: ## make a replica the primary: of one that works, or of one that is dead; NODE=server-2 for a certain one
	@bash $(HOST)/promote.sh $(call quote,$(NODE))

.PHONY: rejoin
rejoin: ## bring a database back as a replica: make rejoin NODE=server-1; RECLONE=1 throws its data away and copies
	@RECLONE=$(RECLONE) bash $(HOST)/rejoin.sh $(call quote,$(NODE))

##@ Developers

.PHONY: test
test: ## everything CI runs
	@bash tests/run

.PHONY: unit
unit: ## the C code under sanitizers, FUZZ_SECONDS=60 for the fuzzers as well
	@bash tests/run unit

.PHONY: lint
lint: ## every language's own checker
	@bash tests/run lint

.PHONY: diagrams
diagrams: ## draw diagrams/ again from the Compose files
	@bash $(HOST)/toolbox.sh services/toolbox/bin/diagrams

.PHONY: bench
bench: ## compare shopd with PHP-FPM, libfcgi and a null responder: about 20 minutes; QUICK=1 for one that only works
	@bash $(HOST)/bench.sh

.PHONY: figures
figures: ## put what the last make test measured into the README
	@bash $(HOST)/toolbox.sh services/toolbox/bin/figures README.md compose/*/README.md

.PHONY: bench-figures
bench-figures: ## put what the last make bench measured into the README
	@bash $(HOST)/toolbox.sh tests/bench/bench readme README.md
