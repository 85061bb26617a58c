#include "exec-start.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "system/spawn.h"

static const char *working_folder(const struct exec_request *request)
{
    struct stat found;
    if (request->cwd != NULL) {
        return request->cwd;
    }
    /* Whoever removes it is not to have a VM in which nothing starts any more. */
    if (request->workdir != NULL && stat(request->workdir, &found) == 0 && S_ISDIR(found.st_mode)) {
        return request->workdir;
    }
    return stat("/root", &found) == 0 && S_ISDIR(found.st_mode) ? "/root" : "/";
}

static void set_nonblocking(int fd)
{
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

pid_t exec_start(const struct exec_request *request, const struct account *account, struct exec_ends *ends,
                 int *terminal, const char **culprit)
{
    *ends = NO_ENDS;
    *terminal = -1;
    *culprit = "cannot start another command";
    if (!(request->pty ? open_terminal(ends, &request->size) : open_pipes(ends, request->stdin_open))) {
        int error = errno;
        close_ends(ends->ours);
        close_ends(ends->theirs);
        return -error;
    }
    const struct spawn_request spawning = {
        .argv = request->argv,
        .env = request->env,
        .cwd = working_folder(request),
        .account = account,
        .stdin_fd = ends->theirs[0],
        .stdout_fd = ends->theirs[1],
        .stderr_fd = ends->theirs[2],
        .controls_terminal = request->pty,
        .limits = &request->limits,
        .is_restricted = request->is_restricted,
    };
    *culprit = request->argv[0];
    pid_t pid = spawn(&spawning, culprit);
    if (request->pty && pid >= 0) {
        *terminal = ends->theirs[0];
        ends->theirs[0] = -1;
    }
    close_ends(ends->theirs);
    if (pid < 0) {
        close_ends(ends->ours);
        return pid;
    }
    for (int i = 0; i < 3; i++) {
        if (ends->ours[i] >= 0) {
            set_nonblocking(ends->ours[i]);
        }
    }
    return pid;
}

int exit_code_of_failure(int error)
{
    return error == ENOENT ? EXIT_NOT_FOUND : EXIT_CANNOT_EXECUTE;
}

int exit_code_of_status(int status)
{
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

size_t waiting_bytes(int fd)
{
    int bytes = 0;
    return fd >= 0 && ioctl(fd, FIONREAD, &bytes) == 0 ? (size_t)bytes : 0;
}
