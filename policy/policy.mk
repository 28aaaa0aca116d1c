# The policies: rows of policy/PROGRAM.def -> build/policy/PROGRAM.bpf.h (the filter) and PROGRAM.expect (the listing).
# mkpolicy runs at build time only, so it is a glibc program whatever else is built.
POLICIES       = init broker store crypto kexec link net
POLICY_OUT     = $(B)/policy
POLICY_HEADERS = $(POLICIES:%=$(POLICY_OUT)/%.bpf.h)

$(POLICY_OUT)/mkpolicy: policy/mkpolicy.c policy/rules.c policy/rules.h $(wildcard policy/*.def) | build/stamp/libs
	@mkdir -p $(@D)
	$(CC) -std=c11 -D_GNU_SOURCE -O2 $(WARN) -Ipolicy -Iipc -I$(LIBS)/host/include -o $@ policy/mkpolicy.c policy/rules.c -L$(LIBS)/host/lib -lseccomp

$(POLICY_OUT)/%.bpf.h $(POLICY_OUT)/%.expect: $(POLICY_OUT)/mkpolicy
	$(POLICY_OUT)/mkpolicy $* $(POLICY_OUT)

# Each program links its own filter and no other.
define policy_objects
POLICY_OBJ_$(1) = $$(B)/target/policy/filter_$(1).o $$(POLICY_OBJ)
$$(B)/target/policy/filter_$(1).o: policy/filter.c $$(POLICY_OUT)/$(1).bpf.h | build/stamp/libs
	@mkdir -p $$(@D)
	$$(TCC) $$(TFLAGS) -DPROGRAM=$(1) -I$$(POLICY_OUT) -c $$< -o $$@
endef
POLICY_OBJ = $(B)/target/policy/confine.o $(B)/target/policy/caps.o $(B)/target/policy/root.o
$(foreach p,$(POLICIES),$(eval $(call policy_objects,$(p))))
