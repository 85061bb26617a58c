#include "spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "restrict.h"
#include "tools.h"

enum {
    MAX_PATH_ENTRIES = 64,
    /* What developers' tools expect to open without asking, and few enough for programs that close each number there could be. */
    SOFT_DESCRIPTORS = 65536,
    /* The kernel's default of fs.nr_open, beyond which nobody may raise it. */
    HARD_DESCRIPTORS = 1048576,
};

static const char *path_of(char **env)
{
    for (; *env != NULL; env++) {
        if (strncmp(*env, "PATH=", 5) == 0) {
            return *env + 5;
        }
    }
    return has_tools ? DEFAULT_PATH ":" TOOLS_FOLDER : DEFAULT_PATH;
}

struct candidates {
    char *paths[MAX_PATH_ENTRIES];
    int count;
};

static void add_candidate(struct candidates *candidates, const char *folder, size_t length, const char *name)
{
    char *path = malloc(length + strlen(name) + 2);
    if (path == NULL || candidates->count == MAX_PATH_ENTRIES) {
        free(path);
        return;
    }
    /* An empty entry means the working directory. */
    sprintf(path, "%.*s%s%s", (int)length, folder, length == 0 ? "" : "/", name);
    candidates->paths[candidates->count++] = path;
}

/* Where execvp(3) would look. */
static void find_candidates(struct candidates *candidates, const char *name, const char *path)
{
    candidates->count = 0;
    if (strchr(name, '/') != NULL) {
        add_candidate(candidates, "", 0, name);
        return;
    }
    for (;;) {
        size_t length = strcspn(path, ":");
        add_candidate(candidates, path, length, name);
        if (path[length] == 0) {
            return;
        }
        path += length + 1;
    }
}

static void free_candidates(struct candidates *candidates)
{
    for (int i = 0; i < candidates->count; i++) {
        free(candidates->paths[i]);
    }
}

/* As execvp: goes on over names that are not there, remembers one that may not be run. A script without `#!` is the shell's. */
static int execute(const struct candidates *candidates, char **argv, char **env, char **shell_argv)
{
    int error = ENOENT;
    for (int i = 0; i < candidates->count; i++) {
        execve(candidates->paths[i], argv, env);
        if (errno == ENOEXEC) {
            shell_argv[1] = candidates->paths[i];
            execve("/bin/sh", shell_argv, env);
        }
        if (errno == EACCES) {
            error = EACCES;
        } else if (errno != ENOENT && errno != ENOTDIR) {
            return errno;
        }
    }
    return error;
}

/* What exec does not reset: what is ignored; and no handler of the agent may run in a child that shares its memory. */
static void reset_signals(void)
{
    const struct sigaction action = {.sa_handler = SIG_DFL};
    sigaction(SIGPIPE, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

/* The agent is spared by the kernel's out-of-memory killer; what it starts is not. */
static void expose_to_oom_killer(void)
{
    int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (fd >= 0) {
        ssize_t written = write(fd, "0", 1);
        (void)written;
        close(fd);
    }
}

/* The kernel's default of processes for everybody but root is a share of the memory; a VM is its owner's, who may fill it. */
static void lift_limit_of_processes(void)
{
    const struct rlimit limit = {.rlim_cur = RLIM_INFINITY, .rlim_max = RLIM_INFINITY};
    setrlimit(RLIMIT_NPROC, &limit);
}

static void limit_descriptors(void)
{
    struct rlimit limit = {.rlim_cur = SOFT_DESCRIPTORS, .rlim_max = HARD_DESCRIPTORS};
    /* A container may deny more than it was given itself. */
    if (setrlimit(RLIMIT_NOFILE, &limit) < 0 && getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = SOFT_DESCRIPTORS;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static int in_child(const struct spawn_request *request, const struct candidates *candidates, char **shell_argv,
                    bool changes_user, const char **culprit)
{
    setsid();
    reset_signals();
    if (dup2(request->stdin_fd, 0) < 0 || dup2(request->stdout_fd, 1) < 0 || dup2(request->stderr_fd, 2) < 0) {
        return errno;
    }
    if (request->controls_terminal) {
        ioctl(0, TIOCSCTTY, 0);
    }
    expose_to_oom_killer();
    limit_descriptors();
    lift_limit_of_processes();
    int refused = limits_apply(&limits_of_root);
    if (refused == 0 && request->limits != NULL) {
        refused = limits_apply(request->limits);
    }
    if (refused != 0) {
        *culprit = "cannot set a limit"; /* The memory is the parent's, here and below. */
        return refused;
    }
    if (chdir(request->cwd) < 0) {
        *culprit = request->cwd;
        return errno;
    }
    umask(022);
    if (request->is_restricted) {
        int error = restrict_self();
        if (error != 0) {
            *culprit = "cannot restrict itself";
            return error;
        }
    }
    if (changes_user) {
        int error = account_become(request->account);
        if (error != 0) {
            return error;
        }
    }
    return execute(candidates, request->argv, request->env, shell_argv);
}

static size_t count(char **strings)
{
    size_t number = 0;
    while (strings[number] != NULL) {
        number++;
    }
    return number;
}

pid_t spawn(const struct spawn_request *request, const char **culprit)
{
    size_t arguments = count(request->argv);
    char **shell_argv = calloc(arguments + 2, sizeof *shell_argv);
    if (shell_argv == NULL) {
        return -ENOMEM;
    }
    shell_argv[0] = (char *)"sh";
    memcpy(shell_argv + 2, request->argv + 1, arguments * sizeof *shell_argv);
    struct candidates candidates;
    find_candidates(&candidates, request->argv[0], path_of(request->env));
    bool changes_user = request->account->uid != geteuid() || request->account->gid != getegid();

    /* Signals wait, so that none is handled by a child that shares this memory. */
    sigset_t all, before;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &before);
    volatile int error = 0;
    pid_t pid = vfork();
    if (pid == 0) {
        error = in_child(request, &candidates, shell_argv, changes_user, culprit);
        _exit(127);
    }
    int fork_error = errno;
    sigprocmask(SIG_SETMASK, &before, NULL);

    free_candidates(&candidates);
    free(shell_argv);
    if (pid < 0) {
        return -fork_error;
    }
    /* A child that failed has exited; it is reaped like any other. */
    return error != 0 ? -error : pid;
}

/* What the agent has open is closed on exec, which does not come: a child that kept the port would keep the next agent from it. */
static void keep_only_output(int fd)
{
    if (dup2(fd, STDOUT_FILENO) < 0 || syscall(SYS_close_range, STDERR_FILENO + 1, ~0U, 0) < 0) {
        _exit(errno);
    }
}

pid_t spawn_work(const struct account *account, int output, int (*work)(const void *, int), const void *request)
{
    pid_t pid = fork();
    if (pid != 0) {
        return pid < 0 ? -errno : pid;
    }
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    setsid();
    reset_signals();
    keep_only_output(output);
    expose_to_oom_killer();
    umask(022);
    int error = account->uid == geteuid() && account->gid == getegid() ? 0 : account_become(account);
    _exit(error != 0 ? error : work(request, STDOUT_FILENO));
}
