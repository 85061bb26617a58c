#ifndef FASTVM_GIVE_TOOLS_H
#define FASTVM_GIVE_TOOLS_H

/* Open files of what the initramfs brought for images without tools; -1 each where it brought none. */
struct tools {
    int busybox, curl;
};

struct tools open_tools(void);

/* In the image's root: gives it those that it lacks and helpers need. Closes both. */
void give_tools(struct tools tools);

#endif
