# make check: every test program, and one closing line of counts.  A unit is its own source, what it tests (NAME_DEP) and libipc.a.
# End-to-end tests boot QEMU: tests/e2e/preboot.py.  Death tests and confinement are tried on the shipped filters and confine().
T   = $(B)/tests
TSS = -ltss2-esys -ltss2-sys -ltss2-mu -lmbedcrypto
PLAY_LINK = -Wl,--wrap=crypto_send
FAIL_LINK = -Wl,--wrap=calloc $(MBED:%=$(LIBS)/host/tls/lib/%)

TPM_DEP    = $(patsubst %.c,%,$(wildcard crypto-worker/tpm*.c)) crypto-worker/tcti tests/swtpm tests/tpm_fixture \
	tests/tpm_tools
BROKER_DEP = broker/route broker/steps broker/start broker/ask broker/forward broker/losses broker/print broker/console \
	tests/broker_rig tests/broker_drive tests/peers
CRYPTO_DEP = $(addprefix crypto-worker/,close dispatch end want get survey ask enrol ticket offline supply download load verify cmdline) \
	$(addprefix tests/,crypto_play crypto_handover fake_tpm peer_generation peers)
VERIFY_DEP = crypto-worker/verify crypto-worker/cmdline
STORE_DEP  = store-worker/serve store-worker/keep
REGISTRY_DEP = $(patsubst %.c,%,$(wildcard org/service/registry*.c org/service/store_*.c)) org/service/service org/say org/file

unit_console_DEP         = broker/console
unit_store_DEP           = $(STORE_DEP)
unit_store_hostile_DEP   = $(STORE_DEP)
unit_store_keep_DEP      = $(STORE_DEP) tests/lossy_disk
unit_store_cut_DEP       = $(STORE_DEP) tests/lossy_disk
unit_store_keep_lies_DEP = $(STORE_DEP) tests/lossy_disk
unit_broker_DEP          = $(BROKER_DEP)
unit_broker_faults_DEP   = $(BROKER_DEP)
unit_broker_lies_DEP     = $(BROKER_DEP)
unit_broker_link_DEP     = $(BROKER_DEP)
unit_broker_net_DEP      = $(BROKER_DEP)
unit_broker_keep_DEP     = $(BROKER_DEP)
unit_broker_time_DEP     = $(BROKER_DEP)
unit_crypto_broker_DEP   = $(CRYPTO_DEP) tests/crypto_org
unit_crypto_close_DEP    = $(CRYPTO_DEP)
unit_crypto_load_DEP     = $(CRYPTO_DEP)
unit_crypto_lost_DEP     = $(CRYPTO_DEP)
unit_crypto_ask_DEP      = $(CRYPTO_DEP) tests/crypto_org
unit_crypto_offline_DEP  = $(CRYPTO_DEP) tests/crypto_org
unit_crypto_download_DEP = $(CRYPTO_DEP) tests/crypto_org
unit_crypto_enrol_DEP    = $(CRYPTO_DEP) tests/crypto_org
unit_crypto_share_DEP    = $(CRYPTO_DEP) tests/crypto_org
unit_crypto_store_DEP    = $(CRYPTO_DEP)
unit_verify_DEP          = $(VERIFY_DEP)
unit_verify_manifest_DEP = $(VERIFY_DEP)
unit_cmdline_DEP         = $(VERIFY_DEP)
unit_tpm_DEP             = $(TPM_DEP)
unit_tpm_index_DEP       = $(TPM_DEP)
unit_tpm_bus_DEP         = $(TPM_DEP)
unit_tpm_hostile_DEP     = $(TPM_DEP) tests/tpm_harm
unit_tpm_hostile_org_DEP = $(TPM_DEP) tests/tpm_harm
unit_tpm_state_DEP       = $(TPM_DEP)
unit_tpm_cut_DEP         = $(TPM_DEP)
unit_tpm_ak_DEP          = $(TPM_DEP)
unit_tpm_ek_DEP          = $(TPM_DEP)
unit_tpm_owner_DEP       = $(TPM_DEP)
unit_chan_DEP            = tests/peers
unit_kexec_DEP           = tests/peers
unit_dhcp_DEP            = net-worker/dhcp
unit_dhcp_client_DEP     = net-worker/dhcp net-worker/dhcp_client
unit_link_DEP            = net-worker/link_lease net-worker/link_news
unit_tpm_wipe_DEP        = $(TPM_DEP) crypto-worker/wipe_alloc
unit_org_attest_DEP      = org/service/attest org/service/credential
unit_org_request_DEP     = org/service/request org/gen org/say org/file $(VERIFY_DEP)
unit_org_tables_DEP      = org/service/conns org/service/challenge
unit_org_canary_DEP      = $(REGISTRY_DEP)
unit_org_decide_DEP      = $(REGISTRY_DEP)
unit_org_enrol_DEP       = $(REGISTRY_DEP)
unit_org_forget_DEP      = $(REGISTRY_DEP)
unit_org_learn_DEP       = $(REGISTRY_DEP)
unit_org_nodes_DEP       = $(REGISTRY_DEP)
unit_net_url_DEP         = net-worker/url
unit_net_http_DEP        = $(addprefix net-worker/,http request url)
unit_net_tls_DEP         = $(addprefix net-worker/,tls tls_verify url wait random)
unit_net_fetch_DEP       = $(addprefix net-worker/,fetch exchange http request url) tests/fake_net
unit_net_carry_DEP       = net-worker/carry $(unit_net_fetch_DEP)
unit_net_dial_DEP        = $(addprefix net-worker/,dial resolve url wait random)
death_DEP                = tests/death_run tests/death_denied policy/rules

hostile_DEP       = tests/hostile_run tests/hostile_rows tests/hostile_maker
hostile_walls_DEP = tests/hostile_run tests/hostile_rows tests/hostile_maker tests/hostile_stage tests/hostile_routes

# Every tests/unit_NAME.c, but those that are built of several files or in another way below.
UNITS = $(filter-out confine luks%,$(patsubst tests/unit_%.c,%,$(wildcard tests/unit_*.c)))
UNIT_BIN = $(UNITS:%=$(T)/unit_%) $(T)/unit_luks $(T)/death $(T)/hostile $(T)/hostile_walls $(HOSTILE)

$(T)/%: $(B)/host/tests/%.o $(B)/host/libipc.a
	@mkdir -p $(@D)
	$(CC) $(HLINK) -o $@ $(filter %.o,$^) $(B)/host/libipc.a $(if $(filter unit_tpm% unit_org_attest,$*),$(TSS)) $(if $(filter unit_tpm_wipe,$*),$(crypto_LINK)) \
		$(if $(filter unit_crypto%,$*),$(PLAY_LINK)) $(if $(filter $(REGISTRY_DEP),$($*_DEP)),-lsqlite3) \
		$(if $(filter unit_net%,$*),-lllhttp) $(if $(filter unit_net_tls,$*),$(FAIL_LINK)) -lcmocka -lsodium -lcap
define unit_objects
$(T)/$(1): $$($(1)_DEP:%=$(B)/host/%.o)
endef
$(foreach u,$(UNITS:%=unit_%) death hostile hostile_walls,$(eval $(call unit_objects,$(u))))

# confine() whole, in real static programs under the shipped filters; and its steps in a host program.
CONFINED = $(POLICIES:%=$(T)/confined-%)
define confined_program
$(T)/confined-$(1): tests/confined.c $$(B)/target/libipc.a $$(POLICY_OBJ_$(1))
	@mkdir -p $$(@D)
	$$(TCC) $$(TFLAGS) $$(TLINK) -DPROGRAM=$(1) -o $$@ $$(filter %.c %.o,$$^) -lcap
endef
$(foreach p,$(POLICIES),$(eval $(call confined_program,$(p))))
$(B)/host/tests/unit_confine.o $(B)/host/policy/filter.o: HFLAGS += -DPROGRAM=init
$(T)/unit_confine: $(addprefix $(B)/host/,tests/unit_confine.o tests/confined_look.o policy/confine.o policy/root.o policy/caps.o policy/filter.o) | $(CONFINED)
	@mkdir -p $(@D)
	$(CC) $(HLINK) -o $@ $^ -lcap -lcmocka

# Hostile programs, one per policy, and their twins that no filter holds.
HOSTILE_PARTS = child else read send take
HOSTILE = $(foreach p,kexec broker store crypto,$(T)/hostile_$(p) $(T)/hostile_$(p)_twin)
define hostile_programs
$(T)/hostile_$(1): $(HOSTILE_PARTS:%=tests/hostile_%.c) $(B)/target/libipc.a $(POLICY_OBJ_$(1))
	@mkdir -p $$(@D)
	$$(TCC) $$(TFLAGS) $$(TLINK) -Itests -DPROGRAM=$(1) -o $$@ $$(filter %.c %.o %.a,$$^) -lcap
$(T)/hostile_$(1)_twin: $(HOSTILE_PARTS:%=tests/hostile_%.c) $(B)/target/libipc.a $(POLICY_OBJ)
	@mkdir -p $$(@D)
	$$(TCC) $$(TFLAGS) $$(TLINK) -Itests -DPROGRAM=$(1) -DTWIN -o $$@ $$(filter %.c %.o %.a,$$^) -lcap
endef
$(foreach p,kexec broker store crypto,$(eval $(call hostile_programs,$(p))))

# persist-mount against real LUKS images; the shipped kexec-worker between liars.
$(T)/unit_luks: $(addprefix $(B)/host/tests/,unit_luks.o unit_luks_image.o unit_luks_keys.o unit_luks_run.o) \
		$(filter-out %/persist_mount.o,$(persist_OBJ)) $(B)/host/libipc.a
	@mkdir -p $(@D)
	$(CC) $(HLINK) -o $@ $^ -lcryptsetup -ljson-c -lblkid -lsodium -lcmocka

# Fuzz targets: one per message, one per format.  make check replays the corpus through them; make fuzz
# lets libFuzzer loose on each, FUZZ_SECONDS long.
FUZZ_SECONDS = 10
MESSAGES := $(shell grep -o '^MSG.[a-z_0-9]*' ipc/msg.def | cut -c5-)
FUZZ = $(MESSAGES:%=$(T)/fuzz_check_%) $(T)/fuzz_attest $(T)/fuzz_dhcp $(T)/fuzz_doc $(T)/fuzz_http $(T)/fuzz_minisig
$(T)/fuzz_http: $(unit_net_fetch_DEP:%=$(B)/host/%.o)
$(T)/fuzz_dhcp: $(addprefix $(B)/host/net-worker/,dhcp.o dhcp_client.o link_lease.o)
define fuzz_message
$(B)/host/tests/fuzz_check_$(1).o: tests/fuzz_check.c | build/stamp/libs
	@mkdir -p $$(@D)
	@$$(CC) $$(HFLAGS) -DFUZZ_MSG=$(1) -c $$< -o $$@
endef
$(foreach m,$(MESSAGES),$(eval $(call fuzz_message,$(m))))
$(T)/fuzz_%: $(B)/host/tests/fuzz_%.o $(B)/host/libipc.a
	@mkdir -p $(@D)
	@$(CC) $(HLINK) $(if $(filter fuzzer,$(SANITIZE)),-fsanitize=fuzzer) -o $@ $(filter %.o,$^) $(filter %.a,$^) $(if $(filter http,$*),-lllhttp)

$(T)/fuzz_attest: $(B)/host/tests/fuzz_attest.o $(B)/host/org/service/attest.o $(B)/host/org/service/credential.o $(B)/host/libipc.a
	@mkdir -p $(@D)
	@$(CC) $(HLINK) $(if $(filter fuzzer,$(SANITIZE)),-fsanitize=fuzzer) -o $@ $^ -ltss2-mu -lmbedcrypto -lsodium

# init's part of the network for the shipped net-link, in network namespaces.
$(T)/link_rig: $(addprefix $(B)/host/,tests/link_rig.o broker/network.o broker/lease.o)

$(T)/rawput: $(B)/host/tests/rawput.o $(B)/host/libipc.a
	@mkdir -p $(@D)
	$(CC) $(HLINK) -o $@ $^ -lsodium

# Plays a node against the service's store: for the test of the operator's commands.
$(T)/registry_play: $(B)/host/tests/registry_play.o $(REGISTRY_DEP:%=$(B)/host/%.o) $(B)/host/libipc.a
	@mkdir -p $(@D)
	$(CC) $(HLINK) -o $@ $^ -lsqlite3 -lsodium

# Dies before a given call: for the service's test, which preloads it.
$(T)/kill_at.so: tests/kill_at.c
	@mkdir -p $(@D)
	$(CC) $(COMMON) -fPIC -shared -o $@ $< -ldl

# --- what make check runs, quick ones first -------------------------------------------------------------------------------------
QUICK_TESTS = $(UNITS:%=$(T)/unit_%) \
	"env PERSIST_MOUNT=$(B)/bin/persist-mount $(T)/unit_luks" \
	$(T)/death $(T)/unit_confine "$(T)/hostile $(T)" "$(T)/hostile_walls $(B)/bin" \
	tests/static_test.sh \
	"tests/man_test.sh $(B)/bin" \
	"tests/fuzz_replay.sh $(T)"
SLOW_TESTS = "tests/org_node_test.sh $(B)/bin/sallyport-org $(T)/registry_play $(T)/kill_at.so" \
	"tests/org_ticket_test.py $(B)/bin/sallyport-org 1000" \
	"tests/net_link_test.py $(B)/bin/net-link $(T)/link_rig" \
	"tests/org_service_test.sh $(B)/bin/sallyport-org $(T)/kill_at.so" \
	"tests/net_worker_test.py $(B)/bin" \
	"tests/org_test.sh $(B)/bin/sallyport-org" \
	"tests/org_config_test.sh $(B)/bin/sallyport-org" \
	"tests/org_initramfs_test.sh $(B)/bin/sallyport-org"
HOST_TESTS = $(QUICK_TESTS) $(SLOW_TESTS)
# With clang's address and undefined sanitizers: every module in the units, the fuzz targets, the operator's tool.  unit_tpm_wipe puts its
# own free() in the place of libc's, where the sanitizer's stands; death tests and hostile programs need the filters of the shipped programs.
SANITIZED_UNITS = $(filter-out tpm_wipe,$(UNITS))
SANITIZED_TESTS = $(SANITIZED_UNITS:%=$(T)/unit_%) \
	"env PERSIST_MOUNT=build/bin/persist-mount $(T)/unit_luks" \
	"tests/org_test.sh $(B)/bin/sallyport-org" \
	"tests/org_config_test.sh $(B)/bin/sallyport-org" \
	"tests/org_service_test.sh $(B)/bin/sallyport-org $(T)/kill_at.so" \
	"tests/org_ticket_test.py $(B)/bin/sallyport-org 100" \
	"tests/fuzz_replay.sh $(T)"
# Two at a time, those first that take longest: a machine under TCG takes one core.
E2E_LONG   = $(addprefix tests/e2e/,test_kill.py test_kill_org.py test_org.py test_tpm.py)
E2E_TESTS  = $(E2E_LONG) $(filter-out $(E2E_LONG),$(wildcard tests/e2e/test_*.py))

.PHONY: fuzz-run test-programs check-host check-sanitized check-clang sanitized
test-programs: $(UNIT_BIN) $(T)/unit_confine $(FUZZ) $(T)/link_rig $(T)/rawput $(T)/kill_at.so $(T)/registry_play
sanitized: $(SANITIZED_UNITS:%=$(T)/unit_%) $(T)/unit_luks $(FUZZ) $(B)/bin/sallyport-org $(T)/kill_at.so $(T)/registry_play
	tests/run.py -l $(T)/log $(SANITIZED_TESTS)
check-host: all test-programs
	tests/run.py $(HOST_TESTS)
check-clang:
	$(MAKE) --no-print-directory CC=clang programs
check-sanitized: all
	$(MAKE) --no-print-directory SANITIZE=1 sanitized
check: all test-programs check-clang build/stamp/kernels
	tests/run.py $(QUICK_TESTS) -j 2 "make -s --no-print-directory SANITIZE=1 sanitized" $(E2E_TESTS) $(SLOW_TESTS)
demo: all build/stamp/kernels
	tests/e2e/demo.py

fuzz:
	$(MAKE) --no-print-directory SANITIZE=fuzzer fuzz-run
fuzz-run: $(FUZZ)
	tests/run.py -l $(T)/log "tests/fuzz_run.sh $(T) $(FUZZ_SECONDS)"
bench: all build/stamp/kernels
	tests/bench.py
