#ifndef FASTVM_FIND_INIT_H
#define FASTVM_FIND_INIT_H

/* The image's own init, in its root; NULL when it has none that would bring anything up. */
const char *find_init(void);

#endif
