/*
 * The attacks, one row each, included many times.  Like policy/denied.def it is written from what an attacker wants, not from the policy.
 *
 * ATTACK(name, tool, prey, twin, nr, "why")                               every program dies at nr
 * ATTACK4(name, tool, prey, twin, kexec, broker, store, crypto, "why")    D(nr) dies there; S(signal); E(errno), with nothing in its hands;
 *                                                                         MAY: its policy permits it, the wall stands elsewhere;
 *                                                                         NOT_ITS: it has nothing to try it with
 */
#ifndef ATTACK
#define ATTACK(name, tool, prey, twin, nr, why)
#endif
#ifndef ATTACK4
#define ATTACK4(name, tool, prey, twin, kexec, broker, store, crypto, why)
#endif

/*
 * Out of the memfd.  crypto-worker made it and may.  store-worker's pread is for its disk: that no hand-over ever reaches it is held by the
 * lane, by admit() and by the broker (hostile_walls.c).
 */
ATTACK4(read,            none,   handover, key,  D(read), D(read), D(read), MAY,		"reads it")
ATTACK4(pread64,         none,   handover, key,  D(pread64), D(pread64), MAY, MAY,		"reads it at an offset")
ATTACK (readv,           none,   handover, key,  readv,			"reads it in pieces")
ATTACK (preadv,          none,   handover, key,  preadv,		"reads it in pieces at an offset")
ATTACK (preadv2,         none,   handover, key,  preadv2,		"the same by the newer call")
ATTACK4(mmap_shared,     none,   handover, key,  D(mmap), D(mmap), D(mmap), MAY,		"maps it")
ATTACK4(mmap_private,    none,   handover, key,  D(mmap), D(mmap), D(mmap), MAY,		"maps a copy of it")
ATTACK (mmap_exec,       none,   handover, key,  mmap,			"maps it as a program")
ATTACK (mremap,          none,   handover, done, mremap,		"moves and doubles a mapping")
ATTACK (splice,          out,    handover, key,  splice,		"splices it into a pipe")
ATTACK (tee,             in,     pipe,     key,  tee,			"doubles what is in a pipe")
ATTACK (vmsplice,        in,     handover, key,  vmsplice,		"takes a pipe's content into memory")
ATTACK (pipe2,           none,   handover, done, pipe2,			"makes a pipe for all that")
ATTACK (sendfile_chan,   none,   handover, key,  sendfile,		"sends it down its channel")
ATTACK (sendfile_file,   file,   handover, key,  sendfile,		"copies it into a file")
ATTACK (copy_file_range, file,   handover, key,  copy_file_range,	"the same within the file system")
ATTACK (io_uring,        none,   handover, key,  io_uring_setup,	"reads it past the filter")
ATTACK (aio,             none,   handover, key,  io_setup,		"reads it asynchronously")
ATTACK (lseek_data,      none,   handover, done, lseek,			"learns where in it there is content")
ATTACK (ioctl,           none,   handover, done, ioctl,			"reaches the driver behind a descriptor")

/* Out of the memory, or the descriptors, of the program that has it. */
ATTACK (process_vm_readv,  none,   handover, key,  process_vm_readv,	"reads crypto-worker's memory")
ATTACK (process_vm_writev, none,   handover, done, process_vm_writev,	"writes to it")
ATTACK (ptrace,            none,   handover, key,  ptrace,		"takes crypto-worker over")
ATTACK (pidfd_open,        none,   handover, done, pidfd_open,		"gets a handle on crypto-worker")
ATTACK (pidfd_getfd,       pidfd,  handover, key,  pidfd_getfd,		"with a handle, takes the memfd out of crypto-worker")
ATTACK (pidfd_signal,      pidfd,  handover, done, pidfd_send_signal,	"with a handle, signals crypto-worker")
ATTACK (open_maker_mem,    none,   handover, key,  open,		"reads /proc/PID/mem")
ATTACK (kcmp,              none,   handover, done, kcmp,		"learns what crypto-worker shares with others")
ATTACK (kill,              none,   handover, done, kill,		"signals crypto-worker")
ATTACK (prlimit,           none,   handover, done, prlimit64,		"changes limits")
ATTACK (userfaultfd,       none,   handover, done, userfaultfd,		"stops the kernel in the middle of a copy")
ATTACK (perf_event_open,   none,   handover, done, perf_event_open,	"watches what others do")

/* By name, or by another number. */
ATTACK (open_self_fd,    none,   handover, key,  open,			"opens the memfd anew through /proc/self/fd")
ATTACK (openat_self_fd,  none,   handover, key,  openat,		"the same by openat")
ATTACK (openat2_self_fd, none,   handover, key,  openat2,		"the same by openat2")
ATTACK (dup,             none,   handover, key,  dup,			"reads a duplicate")
ATTACK (dup2,            none,   handover, key,  dup2,			"puts it at 0, which a rule might trust, and reads 0")
ATTACK (dup3,            none,   handover, key,  dup3,			"the same by dup3")
ATTACK (fcntl_dupfd,     none,   handover, key,  fcntl,			"the same by fcntl")
ATTACK4(close_game,      none,   handover, key,  D(close), D(read), D(read), MAY,		"closes 0, receives the memfd there, reads 0")
ATTACK (close_range,     none,   handover, key,  close_range,		"the same by close_range")
ATTACK (fcntl_setfl,     none,   handover, done, fcntl,			"changes the flags of what it shares with others")
ATTACK (fchmod,          none,   handover, done, fchmod,		"opens the memfd to all")

/* Onward.  What a descriptor's next holder may do with it is the next holder's policy: see hostile_walls.c for what becomes of these. */
ATTACK4(send_on,         none,   handover, key,  MAY, MAY, MAY, MAY,	"sends the descriptor down its channel")
ATTACK4(send_by_lane,    none,   handover, key,  E(EPIPE), NOT_ITS, NOT_ITS, MAY,	"sends it by the lane, which has one direction")
ATTACK4(send_lent,       lent,   handover, key,  D(pread64), D(pread64), MAY, MAY,	"sends what it has read down a socket that it was lent")
ATTACK4(pwrite_lent,     file,   handover, key,  D(pread64), D(pread64), MAY, D(pwrite64),	"stores it in a file, or on its disk")
ATTACK4(write_lent,      file,   handover, key,  D(pread64), D(pread64), D(write), MAY,	"the same by write: crypto-worker has its TPM")
ATTACK (sendto,          none,   handover, done, sendto,		"sends to an address")
ATTACK (sendmmsg,        none,   handover, done, sendmmsg,		"sends many messages at once")
ATTACK (socket_inet,     none,   handover, done, socket,		"opens the network")
ATTACK (socket_unix,     none,   handover, done, socket,		"opens a socket to other programs")
ATTACK (socketpair,      none,   handover, done, socketpair,		"makes a channel of its own")
ATTACK (connect,         socket, handover, done, connect,		"connects a socket that it was lent")
ATTACK (bind,            socket, handover, done, bind,			"binds one")
ATTACK (setsockopt,      none,   handover, done, setsockopt,		"turns a channel's knobs: credentials, peeking")
ATTACK (shutdown,        none,   handover, done, shutdown,		"closes one direction of a channel")
ATTACK (memfd_create,    none,   handover, done, memfd_create,		"makes a memfd that an exec would inherit")
ATTACK (shmget,          none,   handover, done, shmget,		"makes memory that outlives it")
ATTACK (add_key,         none,   handover, done, add_key,		"leaves the key with the kernel")
ATTACK (bpf,             none,   handover, done, bpf,			"leaves it in a map of the kernel's")

/* What was verified, changed.  The hand-over's seals hold by themselves (hostile.c): these are on a memfd that may still be written. */
ATTACK4(write_fill,      none,   fill,     done, D(write), S(SIGXFSZ), D(write), MAY,		"writes to an image")
ATTACK4(pwrite_fill,     none,   fill,     done, D(pwrite64), D(pwrite64), MAY, D(pwrite64),	"writes to it at an offset")
ATTACK (writev_fill,     none,   fill,     done, writev,		"writes to it in pieces")
ATTACK (pwritev2_fill,   none,   fill,     done, pwritev2,		"the same by the newer call")
ATTACK4(keep_mapped,     none,   fill,     done, D(mmap), D(mmap), D(mmap), MAY,		"keeps it mapped, to change it once it was hashed")
ATTACK4(punch,           none,   fill,     done, D(fallocate), D(fallocate), D(fallocate), MAY,	"punches a hole into it")
ATTACK4(truncate_file,   file,   fill,     done, D(ftruncate), D(ftruncate), D(ftruncate), MAY,	"cuts what is not sealed")
ATTACK4(add_seals,       none,   fill,     done, D(fcntl), D(fcntl), D(fcntl), MAY,		"seals it before its maker does")

/* Other code, other programs, other rights. */
ATTACK (mmap_rwx,        none,   handover, done, mmap,			"makes memory for code of its own")
ATTACK (mprotect_exec,   none,   handover, done, mprotect,		"makes written memory executable")
ATTACK (pkey_mprotect,   none,   handover, done, pkey_mprotect,		"the same by the newer call")
ATTACK (personality,     none,   handover, done, personality,		"has every readable page executable")
ATTACK (fork,            none,   handover, done, fork,			"starts a process")
ATTACK (vfork,           none,   handover, done, vfork,			"the same by vfork")
ATTACK (clone,           none,   handover, done, clone,			"the same by clone")
ATTACK (clone3,          none,   handover, done, clone3,		"the same by clone3, whose arguments no filter sees")
ATTACK (execve,          none,   handover, done, execve,		"becomes another program")
ATTACK (execveat,        exe,    handover, done, execveat,		"becomes a program that it was lent")
ATTACK (unshare_user,    none,   handover, done, unshare,		"gets capabilities in a namespace of its own")
ATTACK (setns,           pidfd,  handover, done, setns,			"enters crypto-worker's namespaces")
ATTACK (mount,           none,   handover, done, mount,			"mounts a file system")
ATTACK (fsopen,          none,   handover, done, fsopen,		"the same by the newer call")
ATTACK (chroot,          none,   handover, done, chroot,		"leaves its root")
ATTACK (setresuid,       none,   handover, done, setresuid,		"becomes crypto-worker's uid, whose memfds are believed")
ATTACK (capset,          none,   handover, done, capset,		"changes its capabilities")
ATTACK (prctl_dumpable,  none,   handover, done, prctl,			"opens itself to ptrace and dumps")
ATTACK (seccomp,         none,   handover, done, seccomp,		"adds a filter that answers in the kernel's place")
ATTACK (sigaction,       none,   handover, done, rt_sigaction,		"catches the signals that end it")
ATTACK (ioperm,          none,   handover, reach, ioperm,		"speaks to the hardware")
ATTACK (modify_ldt,      none,   handover, done, modify_ldt,		"changes its segments")
ATTACK (init_module,     none,   handover, reach, init_module,		"loads code into the kernel")
ATTACK (finit_module,    none,   handover, reach, finit_module,		"the same by a descriptor")
ATTACK (swapon,          none,   handover, reach, swapon,		"has memory written to a disk")
ATTACK (clock_settime,   none,   handover, reach, clock_settime,	"turns the clock")
ATTACK (kexec_load,      none,   handover, reach, kexec_load,		"loads segments that nobody verified")
ATTACK (kexec_unload,    none,   handover, reach, kexec_file_load,	"unloads what was verified")
ATTACK (kexec_on_crash,  none,   handover, reach, kexec_file_load,	"loads a kernel that a crash would start")
ATTACK (kexec_no_initrd, none,   handover, reach, kexec_file_load,	"loads a kernel without its initramfs")
ATTACK4(kexec_itself,    none,   handover, reach, MAY, D(kexec_file_load), D(kexec_file_load), D(kexec_file_load), "loads a kernel itself")
ATTACK (reboot_cad_on,   none,   handover, reach, reboot,		"arms Ctrl-Alt-Del")
ATTACK (reboot_halt,     none,   handover, reach, reboot,		"halts the machine for good")
ATTACK (reboot_off,      none,   handover, reach, reboot,		"powers off")
ATTACK (reboot_suspend,  none,   handover, reach, reboot,		"hibernates: memory goes to disk, keys with it")
ATTACK (reboot_restart2, none,   handover, reach, reboot,		"restarts into a mode of its choice")
#undef ATTACK
#undef ATTACK4
