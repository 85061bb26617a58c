/*
 * For tests of the worker: a process that maps a file as QEMU maps the memory of a VM, and waits to be ended.
 *
 *   map-memory FILE [-name NAME]
 *
 * It ends with the test that started it.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	struct stat file;
	char *memory;
	int fd;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (argc < 2 || (fd = open(argv[1], O_RDONLY)) < 0 || fstat(fd, &file) < 0) {
		perror("map-memory");
		return 1;
	}
	memory = mmap(NULL, file.st_size, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	if (memory == MAP_FAILED) {
		perror("map-memory");
		return 1;
	}
	puts("ready");
	fflush(stdout);
	for (;;)
		pause();
}
