/*
 * Ids and capabilities.  In every program, on its way behind the wall.
 * Distrusts its own success: whatever was set is read back and compared exactly.
 */
#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "confine.h"
#include "steps.h"

static uint64_t
bit(unsigned cap)
{
	return UINT64_C(1) << cap;
}

/*
 * Leaves in the bounding set what is kept, and no more.  Goes up to what this kernel knows: beyond, PR_CAPBSET_READ says EINVAL.
 * Needs CAP_SETPCAP, so it comes before the ids: with NO_SETUID_FIXUP set (and locked) they leave the capabilities as they are.
 */
int
caps_bound(uint64_t caps, unsigned securebits)
{
	if (cap_reset_ambient() != 0 || cap_set_secbits(securebits) != 0)
		return -errno;
	if (cap_get_secbits() != securebits)
		return -EPROTO;
	for (unsigned cap = 0; cap < 64; cap++) {
		int has = cap_get_bound((cap_value_t)cap);

		if (has < 0)
			return cap > CAP_LAST_CAP || (caps & bit(cap)) == 0 ? 0 : -EPROTO;
		if ((caps & bit(cap)) != 0 && has == 0)
			return -EPROTO;	/* what starts us should have left it */
		if ((caps & bit(cap)) == 0 && has != 0 && cap_drop_bound((cap_value_t)cap) != 0)
			return -errno;
		if (cap_get_bound((cap_value_t)cap) != ((caps & bit(cap)) != 0))
			return -EPROTO;
		if (cap_get_ambient((cap_value_t)cap) != 0)
			return -EPROTO;
	}
	return 0;
}

int
caps_ids(uint32_t uid)
{
	uid_t u[3];
	gid_t g[3];

	if (setgroups(0, NULL) != 0 || setresgid(uid, uid, uid) != 0 || setresuid(uid, uid, uid) != 0)
		return -errno;
	if (getresuid(&u[0], &u[1], &u[2]) != 0 || getresgid(&g[0], &g[1], &g[2]) != 0)
		return -errno;
	for (unsigned i = 0; i < 3; i++)
		if (u[i] != uid || g[i] != uid)
			return -EPROTO;
	return getgroups(0, NULL) == 0 ? 0 : -EPROTO;
}

/* All three sets at once, in the kernel's own form. */
static int
put(cap_t set, uint64_t caps)
{
	if (cap_clear(set) != 0)
		return -errno;
	for (unsigned cap = 0; cap < 64; cap++) {
		cap_value_t value = (cap_value_t)cap;

		if ((caps & bit(cap)) != 0 && (cap_set_flag(set, CAP_PERMITTED, 1, &value, CAP_SET) != 0 ||
		    cap_set_flag(set, CAP_EFFECTIVE, 1, &value, CAP_SET) != 0))
			return -errno;
	}
	return cap_set_proc(set) == 0 ? 0 : -errno;
}

/* Permitted and effective are exactly caps, inheritable is empty. */
int
caps_set(uint64_t caps)
{
	cap_t want = cap_init(), have = NULL;
	int rc = -ENOMEM;

	if (want == NULL)
		goto out;
	rc = put(want, caps);
	if (rc != 0)
		goto out;
	have = cap_get_proc();
	if (have == NULL) {
		rc = -errno;
		goto out;
	}
	rc = cap_compare(want, have) == 0 ? 0 : -EPROTO;
out:
	(void)cap_free(have);	/* takes NULL; memory of ours */
	(void)cap_free(want);
	return rc;
}

int
caps_no_new_privs(void)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1UL, 0UL, 0UL, 0UL) != 0)
		return -errno;
	return prctl(PR_GET_NO_NEW_PRIVS, 0UL, 0UL, 0UL, 0UL) == 1 ? 0 : -EPROTO;
}

int
caps_not_dumpable(void)
{
	if (prctl(PR_SET_DUMPABLE, 0UL, 0UL, 0UL, 0UL) != 0)
		return -errno;
	return prctl(PR_GET_DUMPABLE, 0UL, 0UL, 0UL, 0UL) == 0 ? 0 : -EPROTO;
}

/* Out of bounding, permitted and effective sets for good. */
static int
drop(cap_value_t cap)
{
	cap_t set = cap_get_proc();
	cap_flag_value_t permitted = CAP_SET, effective = CAP_SET;
	int rc = -ENOMEM;

	if (set == NULL)
		return -errno;
	if (cap_set_flag(set, CAP_PERMITTED, 1, &cap, CAP_CLEAR) != 0 || cap_set_flag(set, CAP_EFFECTIVE, 1, &cap, CAP_CLEAR) != 0 ||
	    cap_drop_bound(cap) != 0 || cap_set_proc(set) != 0) {
		rc = -errno;
		goto out;
	}
	(void)cap_free(set);	/* memory of ours */
	set = cap_get_proc();
	if (set == NULL || cap_get_flag(set, cap, CAP_PERMITTED, &permitted) != 0 ||
	    cap_get_flag(set, cap, CAP_EFFECTIVE, &effective) != 0) {
		rc = -errno;
		goto out;
	}
	rc = permitted == CAP_CLEAR && effective == CAP_CLEAR && cap_get_bound(cap) == 0 ? 0 : -EPROTO;
out:
	(void)cap_free(set);
	return rc;
}

int
confine_drop_boot(void)
{
	return drop(CAP_SYS_BOOT);
}

int
confine_drop_net(void)
{
	return drop(CAP_NET_ADMIN);
}
