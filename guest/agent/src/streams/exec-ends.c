#include "exec-ends.h"

#include <fcntl.h>
#include <pty.h>
#include <unistd.h>

/* As large as the kernel gives to anybody: fewer, larger reads. */
enum { PIPE_BYTES = 262144 };

void close_ends(const int *ends)
{
    for (int i = 0; i < 3; i++) {
        if (ends[i] >= 0) {
            close(ends[i]);
        }
    }
}

static int open_pipe(int *read_end, int *write_end)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0) {
        return -1;
    }
    fcntl(ends[0], F_SETPIPE_SZ, PIPE_BYTES);
    *read_end = ends[0];
    *write_end = ends[1];
    return 0;
}

bool open_pipes(struct exec_ends *ends, bool stdin_open)
{
    int failed = stdin_open ? open_pipe(&ends->theirs[0], &ends->ours[0])
                            : (ends->theirs[0] = open("/dev/null", O_RDONLY | O_CLOEXEC)) < 0;
    return !failed && open_pipe(&ends->ours[1], &ends->theirs[1]) == 0 &&
           open_pipe(&ends->ours[2], &ends->theirs[2]) == 0;
}

bool open_terminal(struct exec_ends *ends, const struct winsize *size)
{
    int master, slave;
    if (openpty(&master, &slave, NULL, NULL, size) < 0) {
        return false;
    }
    fcntl(master, F_SETFD, FD_CLOEXEC);
    fcntl(slave, F_SETFD, FD_CLOEXEC);
    ends->ours[1] = master;
    ends->ours[0] = fcntl(master, F_DUPFD_CLOEXEC, 0);
    ends->theirs[0] = slave;
    ends->theirs[1] = fcntl(slave, F_DUPFD_CLOEXEC, 0);
    ends->theirs[2] = fcntl(slave, F_DUPFD_CLOEXEC, 0);
    return ends->ours[0] >= 0 && ends->theirs[1] >= 0 && ends->theirs[2] >= 0;
}
