# What runs in the generation: glibc programs against Debian's libcryptsetup.
persist_OBJ = $(filter-out %/sallyport_cache.o,$(patsubst %.c,$(B)/host/%.o,$(wildcard generation/*.c)))
cache_OBJ   = $(B)/host/generation/sallyport_cache.o $(addprefix $(B)/host/org/,cache.o cache_format.o cache_put.o cachedev.o gen.o file.o say.o number.o names.o key.o) \
	$(B)/host/crypto-worker/verify.o $(B)/host/crypto-worker/cmdline.o
TOOLS += $(B)/bin/persist-mount $(B)/bin/sallyport-cache

$(B)/bin/persist-mount: $(persist_OBJ) $(B)/host/libipc.a
	@mkdir -p $(@D)
	$(CC) $(HLINK) -o $@ $^ -lcryptsetup -ljson-c -lblkid -lsodium

$(B)/bin/sallyport-cache: $(cache_OBJ) $(B)/host/libipc.a
	@mkdir -p $(@D)
	$(CC) $(HLINK) -o $@ $^ -lsodium
