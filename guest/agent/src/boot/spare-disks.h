#ifndef FASTVM_SPARE_DISKS_H
#define FASTVM_SPARE_DISKS_H

/* Takes the driver from every disk but the root. Called once, before the image's init. */
void put_spare_disks_aside(void);

#endif
