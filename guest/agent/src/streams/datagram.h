/* UDP between the host and a port of the guest: OPEN_DATAGRAMS. Each datagram is two bytes of length and itself, in the bytes of a stream. */
#ifndef FASTVM_DATAGRAM_H
#define FASTVM_DATAGRAM_H

#include "stream.h"

extern const struct stream_kind datagram_kind;

#endif
