# sallyport-org: the operator's commands, and the organisation's service.  verify and cmdline are the target's very code.
org_OBJ = $(patsubst %.c,$(B)/host/%.o,$(wildcard org/*.c org/service/*.c)) $(B)/host/crypto-worker/verify.o $(B)/host/crypto-worker/cmdline.o
TOOLS  += $(B)/bin/sallyport-org

$(B)/bin/sallyport-org: $(org_OBJ) $(B)/host/libipc.a
	@mkdir -p $(@D)
	$(CC) $(HLINK) -o $@ $^ -lmicrohttpd -lgnutls -lsqlite3 -ltss2-mu -lmbedcrypto -lsodium -lz -llzma -lzstd -llz4

# Prints the generated tables of SECURITY.md (image/tables.sh).
TOOLS += $(B)/bin/mktables $(B)/bin/mkpolicy
$(B)/bin/mktables: $(B)/host/ipc/mktables.o $(B)/host/libipc.a
	@mkdir -p $(@D)
	$(CC) $(HLINK) -o $@ $^
$(B)/bin/mkpolicy: $(POLICY_OUT)/mkpolicy
	@cp $< $@
