#include "kinds.h"

#include "datagram.h"
#include "exec.h"
#include "file.h"
#include "job-stream.h"
#include "socket.h"
#include "verb.h"

static const struct stream_kind *const KINDS[] = {&exec_kind, &file_write_kind, &file_read_kind, &socket_kind,
                                                 &verb_kind, &job_kind,        &datagram_kind};

const struct stream_kind *kind_opened_by(uint8_t frame_kind)
{
    for (size_t i = 0; i < sizeof KINDS / sizeof KINDS[0]; i++) {
        if (KINDS[i]->opened_by == frame_kind) {
            return KINDS[i];
        }
    }
    return NULL;
}
