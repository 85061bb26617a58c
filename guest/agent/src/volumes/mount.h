/* What a process of the agent does to have a volume mounted, or not any more. Each may wait for the server; the agent itself never does. */
#ifndef FASTVM_VOLUMES_MOUNT_H
#define FASTVM_VOLUMES_MOUNT_H

#include <stdbool.h>
#include <stdint.h>

enum mount_flags { MOUNT_READONLY = 1, MOUNT_NOEXEC = 2, MOUNT_NOSUID = 4, MOUNT_NODEV = 8 };
enum unmount_flags { UNMOUNT_FORCED = 1 };

/* Both 0 or an errno. */
int volume_mount(const char *tag, const char *path, uint32_t flags);
int volume_unmount(const char *tag, const char *path, uint32_t flags);

/* With its parents; what is there already must be of that type. 0 or an errno. */
int make_mount_point(const char *path, bool is_folder);
/* Those of mount(2) for mount_flags. */
unsigned long kernel_mount_flags(uint32_t flags);

#endif
