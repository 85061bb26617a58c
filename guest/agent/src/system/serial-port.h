/* A virtio-serial port, by the name that the host gave it. */
#ifndef FASTVM_SERIAL_PORT_H
#define FASTVM_SERIAL_PORT_H

/* Open, without blocking; -1 where there is none of this name. */
int open_port(const char *name);

#endif
