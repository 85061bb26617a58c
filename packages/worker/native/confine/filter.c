/*
 * System calls that no confined program has a use for, beside those that QEMU's own sandbox denies: the ones with which a program changes
 * its limits, its mounts, namespaces or keys, looks into other processes, or reaches parts of the kernel that faults are often found in.
 * They fail with EPERM.
 */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>

#include "confine.h"

#ifndef __x86_64__
#error "the filter knows the system calls of x86-64 alone"
#endif

static const unsigned DENIED[] = {
    SYS_setrlimit, SYS_mount, SYS_umount2, SYS_pivot_root, SYS_chroot, SYS_open_tree, SYS_move_mount, SYS_fsopen, SYS_fsconfig,
    SYS_fsmount, SYS_fspick, SYS_unshare, SYS_setns, SYS_name_to_handle_at, SYS_open_by_handle_at, SYS_add_key, SYS_request_key, SYS_keyctl,
    SYS_ptrace, SYS_process_vm_readv, SYS_process_vm_writev, SYS_kcmp, SYS_pidfd_getfd, SYS_bpf, SYS_perf_event_open,
    SYS_io_uring_setup, SYS_io_uring_enter, SYS_io_uring_register, SYS_init_module, SYS_finit_module, SYS_delete_module, SYS_kexec_load,
    SYS_kexec_file_load, SYS_swapon, SYS_swapoff, SYS_quotactl, SYS_acct, SYS_reboot,
};
#define DENIED_COUNT (sizeof DENIED / sizeof DENIED[0])

#define LOAD(field) ((struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (unsigned)offsetof(struct seccomp_data, field)))
#define IF_EQUAL(value, yes, no) ((struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (value), (yes), (no)))
#define RETURN(action) ((struct sock_filter)BPF_STMT(BPF_RET | BPF_K, (action)))
#define DENY RETURN(SECCOMP_RET_ERRNO | EPERM)
/*
 * The one way to make a userfaultfd: one that never holds up the kernel in an access of its own, which is what such descriptors are
 * abused for. With it the library in a QEMU has the kernel remember what the guest writes (native/memory/map.c).
 */
#define USER_FAULTS_ONLY (O_CLOEXEC | O_NONBLOCK | 1)
/* Numbers from here on are those of the x32 interface, which names the same calls anew. */
#define X32 0x40000000

int deny_system_calls(void)
{
    struct sock_filter code[2 * DENIED_COUNT + 24];
    size_t at = 0;
    code[at++] = LOAD(arch);
    code[at++] = IF_EQUAL(AUDIT_ARCH_X86_64, 1, 0);
    code[at++] = DENY;
    code[at++] = LOAD(nr);
    code[at++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, X32, 0, 1);
    code[at++] = DENY;
    for (size_t i = 0; i < DENIED_COUNT; i++) {
        code[at++] = IF_EQUAL(DENIED[i], 0, 1);
        code[at++] = DENY;
    }
    code[at++] = IF_EQUAL(SYS_userfaultfd, 0, 4);
    code[at++] = LOAD(args[0]);
    code[at++] = IF_EQUAL(USER_FAULTS_ONLY, 0, 1);
    code[at++] = RETURN(SECCOMP_RET_ALLOW);
    code[at++] = DENY;
    /* The same call reads limits, when its third argument is no address. */
    code[at++] = IF_EQUAL(SYS_prlimit64, 1, 0);
    code[at++] = RETURN(SECCOMP_RET_ALLOW);
    code[at++] = LOAD(args[2]);
    code[at++] = IF_EQUAL(0, 0, 3);
    code[at++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[2]) + 4);
    code[at++] = IF_EQUAL(0, 0, 1);
    code[at++] = RETURN(SECCOMP_RET_ALLOW);
    code[at++] = DENY;
    struct sock_fprog program = {.len = (unsigned short)at, .filter = code};
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) < 0 ? fail("system calls") : 0;
}
