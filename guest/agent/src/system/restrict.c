#include "restrict.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

int restrict_self(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3];
    /* The bounding set first: to leave it takes a capability of its own. */
    if (prctl(PR_CAPBSET_DROP, CAP_SYS_ADMIN, 0, 0, 0) < 0 || prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0 ||
        syscall(SYS_capget, &header, sets) < 0) {
        return errno;
    }
    const uint32_t others = ~CAP_TO_MASK(CAP_SYS_ADMIN);
    sets[CAP_TO_INDEX(CAP_SYS_ADMIN)].effective &= others;
    sets[CAP_TO_INDEX(CAP_SYS_ADMIN)].permitted &= others;
    sets[CAP_TO_INDEX(CAP_SYS_ADMIN)].inheritable &= others;
    if (syscall(SYS_capset, &header, sets) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) {
        return errno;
    }
    return 0;
}
