#ifndef FASTVM_PORT_H
#define FASTVM_PORT_H

/* argv[0] of this process, which it marks. Set before serve_port. */
extern char *program_name;

/* The agent proper: finds the virtio-serial port to the host and serves it for the life of the VM. Does not return. */
void __attribute__((noreturn)) serve_port(void);

#endif
