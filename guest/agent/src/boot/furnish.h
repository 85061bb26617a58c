#ifndef FASTVM_FURNISH_H
#define FASTVM_FURNISH_H

/* In the image's root: folders and files that programs take for granted, where it lacks them; and how names are asked for, in any case. */
void furnish(void);

#endif
