/* A verb on files (files/verbs.h): done by a child, whose words are sent as data. */
#ifndef FASTVM_VERB_H
#define FASTVM_VERB_H

#include "stream.h"

extern const struct stream_kind verb_kind;

#endif
