/* The system calls that serving needs. Whatever else is tried fails with EPERM. */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>

#include "rights.h"

#ifndef __x86_64__
#error "the filter knows the system calls of x86-64 alone"
#endif

static const unsigned ALLOWED[] = {
    /* Files, by descriptor or by one name beneath one. */
    SYS_openat2, SYS_open, SYS_openat, SYS_close, SYS_read, SYS_write, SYS_readv, SYS_writev, SYS_pread64, SYS_pwrite64,
    SYS_pwritev2, SYS_lseek, SYS_fstat, SYS_newfstatat, SYS_statx, SYS_fstatfs, SYS_ftruncate, SYS_fallocate, SYS_fsync,
    SYS_fdatasync, SYS_copy_file_range, SYS_getdents64, SYS_mkdirat, SYS_mknodat, SYS_unlinkat, SYS_symlinkat, SYS_linkat,
    SYS_renameat2, SYS_readlinkat, SYS_chmod, SYS_fchmodat, SYS_fchownat, SYS_utimensat, SYS_setxattr, SYS_getxattr,
    SYS_listxattr, SYS_removexattr, SYS_fcntl, SYS_flock,
    /* The port and the worker. */
    SYS_epoll_create1, SYS_epoll_ctl, SYS_epoll_wait, SYS_epoll_pwait, SYS_accept4, SYS_recvmsg, SYS_sendto, SYS_sendmsg,
    /* Itself. */
    SYS_mmap, SYS_munmap, SYS_mremap, SYS_madvise, SYS_brk, SYS_clock_gettime, SYS_getrandom, SYS_geteuid, SYS_exit,
    SYS_exit_group, SYS_rt_sigreturn, SYS_rt_sigprocmask, SYS_restart_syscall,
};
#define ALLOWED_COUNT (sizeof ALLOWED / sizeof ALLOWED[0])

#define LOAD(field) ((struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (unsigned)offsetof(struct seccomp_data, field)))
#define IF_EQUAL(value, yes, no) ((struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (value), (yes), (no)))
#define RETURN(action) ((struct sock_filter)BPF_STMT(BPF_RET | BPF_K, (action)))

int deny_system_calls(void)
{
    struct sock_filter code[2 * ALLOWED_COUNT + 8];
    size_t at = 0;
    code[at++] = LOAD(arch);
    code[at++] = IF_EQUAL(AUDIT_ARCH_X86_64, 1, 0);
    code[at++] = RETURN(SECCOMP_RET_ERRNO | EPERM);
    code[at++] = LOAD(nr);
    for (size_t i = 0; i < ALLOWED_COUNT; i++) {
        code[at++] = IF_EQUAL(ALLOWED[i], 0, 1);
        code[at++] = RETURN(SECCOMP_RET_ALLOW);
    }
    code[at++] = RETURN(SECCOMP_RET_ERRNO | EPERM);
    struct sock_fprog program = {.len = (unsigned short)at, .filter = code};
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) < 0) {
        fprintf(stderr, "fastvm-volume: system calls: %s\n", strerror(errno));
        return -1;
    }
    return 0;
}
