#ifndef FASTVM_GIVE_TOOLS_H
#define FASTVM_GIVE_TOOLS_H

/* Opens what the initramfs brought for images without tools; -1 where it brought none. */
int open_tools(void);

/* In the image's root: gives it the tools if it lacks any of those that helpers need. Closes `tools`, which may be -1. */
void give_tools(int tools);

#endif
