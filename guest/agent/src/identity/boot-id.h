/* A boot id for each clone of a VM: the kernel's own is that of the template's one boot, in all of them. */
#ifndef FASTVM_BOOT_ID_H
#define FASTVM_BOOT_ID_H

#include <stddef.h>
#include <stdint.h>

/* The id in its usual text form, with the line feed. 0 or an errno. */
int set_boot_id(const uint8_t *text, size_t length);

#endif
