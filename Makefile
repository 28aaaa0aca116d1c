# sallyport.  make: build; make demo: the main job in QEMU; make check: the tests; make bench: the measures.
# On a fresh Debian 12 machine with root, git and make: everything else is installed and built here, under build/.
MAKEFLAGS += --no-builtin-rules
.DELETE_ON_ERROR:
.SECONDARY:
SHELL = /bin/sh

CC       = gcc
SANITIZE =
B        = build$(if $(SANITIZE),-$(if $(filter fuzzer,$(SANITIZE)),fuzzer,sanitize),$(if $(filter clang,$(CC)),-clang))
LIBS     = build/lib
ifneq ($(SANITIZE),)
CC       = clang
SAN      = -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer -g \
	   $(if $(filter fuzzer,$(SANITIZE)),-fsanitize=fuzzer-no-link -DLIBFUZZER)
endif

WARN     = -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wswitch-enum -Werror
HARD     = -fstack-protector-strong -fstack-clash-protection -fcf-protection -ftrapv
COMMON   = -std=c11 -D_GNU_SOURCE -O2 $(WARN) $(HARD) -MMD -MP
INCLUDE  = -Iipc -Ipolicy -Ibroker -Icrypto-worker -Istore-worker -Inet-worker -Iorg -Iorg/service -Igeneration -I$(B)/policy

# The image's programs: static-pie against musl.  Host programs (org, generation, tests, the policy compiler): glibc.
TCC      = build/bin/$(if $(filter clang,$(CC)),sallyport-clang,sallyport-cc)
TFLAGS   = $(COMMON) -ffunction-sections -fdata-sections -Ipolicy -Iipc -Ibuild/policy
TLINK    = -Wl,--gc-sections -Wl,-s -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack
HFLAGS   = $(COMMON) -fPIE $(if $(SANITIZE),$(SAN),-D_FORTIFY_SOURCE=2) $(INCLUDE) -I$(LIBS)/host/include
HLINK    = -pie -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack $(SAN) -L$(LIBS)/host/lib

# Every file of ipc/ but the program that prints SECURITY.md's tables.
IPC      = $(filter-out mktables,$(patsubst ipc/%.c,%,$(wildcard ipc/*.c)))
init_SRC    = broker/init broker/prepare broker/network broker/lease broker/spawn broker/console
broker_SRC  = broker/main broker/route broker/steps broker/start broker/ask broker/forward broker/losses broker/print broker/console
store_SRC   = store-worker/main store-worker/serve store-worker/keep
crypto_SRC  = $(patsubst %.c,%,$(wildcard crypto-worker/*.c))
kexec_SRC   = kexec-worker/main
link_SRC    = $(addprefix net-worker/,link link_find link_lease link_news dhcp dhcp_client)
net_SRC     = $(addprefix net-worker/,main carry fetch exchange conn tls tls_verify http request dial resolve url wait random)
net_LIB     = $(MBED:%=build/lib/musl/tls/lib/%) -lllhttp
# Mbed TLS as net-worker has it, image/mbedtls_config.h, by its full name: the other one stands in the compiler's own path.
MBED        = libmbedtls.a libmbedx509.a libmbedcrypto.a
crypto_LINK = -Wl,--wrap=free,--wrap=realloc
crypto_LIB  = -ltss2-esys -ltss2-sys -ltss2-mu -lmbedcrypto -lsodium
PROGRAMS    = init broker store-worker crypto-worker kexec-worker net-link net-worker

all: programs tools
.PHONY: all programs tools check demo bench fuzz clean deps

# --- what comes from elsewhere -------------------------------------------------------------------------------------------------
deps: build/stamp/deps build/stamp/libs build/stamp/kernels
build/stamp/deps: image/deps.sh
	@image/deps.sh
	@mkdir -p build/stamp && touch $@
build/stamp/libs: image/libs.sh image/mbedtls_config.h | build/stamp/deps
	@image/libs.sh
	@mkdir -p build/stamp && touch $@
build/stamp/kernels: image/kernels.sh | build/stamp/deps
	@image/kernels.sh
	@mkdir -p build/stamp && touch $@

# --- the policies: rows -> filters and listings --------------------------------------------------------------------------------
include policy/policy.mk

# --- the image's programs ------------------------------------------------------------------------------------------------------
programs: $(PROGRAMS:%=$(B)/bin/%)

$(B)/target/%.o: %.c | build/stamp/libs $(POLICY_HEADERS)
	@mkdir -p $(@D)
	$(TCC) $(TFLAGS) -c $< -o $@

$(B)/target/libipc.a: $(IPC:%=$(B)/target/ipc/%.o)
	@rm -f $@ && ar rcs $@ $^

define program
$(B)/bin/$(1): $$($(2)_SRC:%=$(B)/target/%.o) $$(POLICY_OBJ_$(2)) $(B)/target/libipc.a build/stamp/libs
	@mkdir -p $$(@D)
	$(TCC) $(TLINK) $$($(2)_LINK) -o $$@ $$(filter %.o %.a,$$^) $$($(2)_LIB) -lcap
	@image/libs.sh check $$@
endef
$(eval $(call program,init,init))
$(eval $(call program,broker,broker))
$(eval $(call program,store-worker,store))
$(eval $(call program,crypto-worker,crypto))
$(eval $(call program,kexec-worker,kexec))
$(eval $(call program,net-link,link))
$(eval $(call program,net-worker,net))
$(B)/target/net-worker/%.o: TFLAGS := -Ibuild/lib/musl/tls/include $(TFLAGS)
$(B)/host/net-worker/%.o: HFLAGS := -I$(LIBS)/host/tls/include $(HFLAGS)

# --- host programs -------------------------------------------------------------------------------------------------------------
$(B)/host/%.o: %.c | build/stamp/libs $(POLICY_HEADERS)
	@mkdir -p $(@D)
	$(CC) $(HFLAGS) -c $< -o $@

$(B)/host/libipc.a: $(IPC:%=$(B)/host/ipc/%.o)
	@rm -f $@ && ar rcs $@ $^

include org/org.mk
include generation/generation.mk
include tests/tests.mk

tools: $(TOOLS)

clean:
	rm -rf build-* build/target build/host build/bin/init build/bin/broker build/bin/*-worker build/bin/net-link build/policy build/tests
distclean:
	rm -rf build build-*

-include $(shell find $(B)/target $(B)/host -name '*.d' 2>/dev/null)
