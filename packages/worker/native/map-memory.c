/*
 * For tests of the worker: a process that maps a file as QEMU maps the memory of a VM, writes to some of its pages, and waits to be ended.
 *
 *   map-memory FILE [PAGE...] [-name NAME]
 *
 * It ends with the test that started it.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGE_BYTES 4096

int main(int argc, char **argv)
{
	struct stat file;
	char *memory;
	int fd, i;

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
	for (i = 2; i < argc && argv[i][0] != '-'; i++) {
		long page = atol(argv[i]);

		if (page < 0 || (page + 1) * PAGE_BYTES > file.st_size) {
			fprintf(stderr, "map-memory: there is no page %ld\n", page);
			return 1;
		}
		memset(memory + page * PAGE_BYTES, 1 + page % 255, PAGE_BYTES);
	}
	puts("ready");
	fflush(stdout);
	for (;;)
		pause();
}
