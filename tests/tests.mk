# make check: every test program, and one closing line of counts.  A unit is its own source, what it tests (NAME_DEP) and libipc.a.
# End-to-end tests boot QEMU: tests/e2e/preboot.py.
T   = $(B)/tests
TSS = -ltss2-esys -ltss2-sys -ltss2-mu -lmbedcrypto

TPM_DEP    = $(patsubst %.c,%,$(wildcard crypto-worker/tpm*.c)) crypto-worker/tcti tests/swtpm tests/tpm_fixture
VERIFY_DEP = crypto-worker/verify crypto-worker/cmdline

unit_store_DEP           = store-worker/serve
unit_store_hostile_DEP   = store-worker/serve
unit_broker_DEP          = broker/route broker/steps broker/print tests/peers
unit_crypto_DEP          = $(addprefix crypto-worker/,close want survey supply load verify cmdline) tests/fake_tpm tests/peers
unit_verify_DEP          = $(VERIFY_DEP)
unit_verify_manifest_DEP = $(VERIFY_DEP)
unit_cmdline_DEP         = $(VERIFY_DEP)
unit_tpm_DEP             = $(TPM_DEP)
unit_tpm_index_DEP       = $(TPM_DEP)
unit_tpm_bus_DEP         = $(TPM_DEP)
unit_tpm_hostile_DEP     = $(TPM_DEP)
unit_tpm_wipe_DEP        = $(TPM_DEP) crypto-worker/wipe_alloc
UNITS = $(patsubst tests/%.c,%,$(wildcard tests/unit_*.c))
