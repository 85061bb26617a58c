/* The virtio-serial port to the host: found, and served for the life of the VM. */
#ifndef FASTVM_PORT_H
#define FASTVM_PORT_H

/* argv[0] of this process, which it marks. Set before serve_port. */
extern char *program_name;

/* The agent proper. Does not return. */
void __attribute__((noreturn)) serve_port(void);

#endif
