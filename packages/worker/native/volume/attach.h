/* `fastvm-volume attach`: opens what is to be served, as only root can, and hands it to a server. */
#ifndef VOLUME_ATTACH_H
#define VOLUME_ATTACH_H

int attach_main(int argc, char **argv);

#endif
