#ifndef FASTVM_FIND_INIT_H
#define FASTVM_FIND_INIT_H

/* Where they are looked for, for who reads that there is none. */
#define USUAL_INITS "/sbin/init, /usr/lib/systemd/systemd and /lib/systemd/systemd"

/* The first of those that is a program, whatever it would do; NULL when none is. */
const char *find_usual_init(void);

/* The image's own init, in its root; NULL when it has none that would bring anything up. */
const char *find_init(void);

#endif
