/*
 * Runs a tool that serves a bucket as a file system: in a network of its own, of which a proxy is the only way out, with a file system that
 * somebody else has mounted. One file per concern; main.c has the verbs.
 */
#ifndef BUCKET_H
#define BUCKET_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

/* Where the launcher is given the file system's descriptor. */
#define GIVEN 3
/* The proxy's: its listener, and a pipe that ends with the tool. */
#define PROXY_LISTENER 3
#define PROXY_LIFE 4
/* The tool's: the other end of that pipe, and its file system. Tools that start fusermount put descriptors of their own at the low numbers. */
#define TOOL_LIFE 5
#define TOOL_FUSE 6

/* Of the tool's own loopback. */
#define PROXY_PORT 1080

/* Says what failed, and why, on standard error; returns 1. */
int fail(const char *what);

/* Never returns but to say that it failed. `arguments`: the proxy's command, `--`, and the tool's. */
int run_tool(char **arguments);

/* Serves connections until the tool has ended. `arguments`: `--guard <network>` or `--open <network>`. */
int run_proxy(char **arguments);

/* What libfuse takes for fusermount: mounts nothing, and hands over what is mounted already. */
int hand_over(char **arguments);

/* In a new network whose loopback is up: a listener, or -1. */
int listen_in_new_network(void);

/* One client from its greeting to its end. */
void serve_client(int client);

/* Reads the networks of the command line. Returns 0, or 2 for what is none. */
int read_guard(char **arguments);

/* Whether nobody may be connected to it. What is no address is guarded. */
bool is_guarded(const struct sockaddr *address);

#endif
