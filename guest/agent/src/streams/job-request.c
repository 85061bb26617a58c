#include "job-request.h"

#include <string.h>

#include "link/fields.h"
#include "link/protocol.h"

static bool copy_id(struct job_request *request, const struct field *field)
{
    if (field->length == 0 || field->length > MAX_JOB_ID_BYTES || memchr(field->value, 0, field->length) != NULL) {
        return false;
    }
    memcpy(request->id, field->value, field->length);
    request->id[field->length] = 0;
    return true;
}

static bool parse_field(struct job_request *request, const struct field *field)
{
    switch (field->tag) {
    case TAG_JOB:
        return copy_id(request, field);
    case TAG_JOB_VERB:
        request->verb = field_u16(field, 0);
        return true;
    case TAG_OFFSET:
        request->offset = field_u64(field);
        return true;
    case TAG_TIMEOUT_MS:
        request->timeout_ms = field_u64(field);
        return true;
    case TAG_SIGNAL:
        request->signal = field_u32(field);
        return true;
    case TAG_RING_BYTES:
        request->ring_bytes = field_u32(field);
        return true;
    case TAG_FOLLOW:
        request->follow = field->length > 0 && field->value[0] != 0;
        return true;
    case TAG_CLOSES:
        request->closes = true;
        return true;
    default:
        return true;
    }
}

bool job_request_parse(struct job_request *request, const uint8_t *bytes, size_t length)
{
    memset(request, 0, sizeof *request);
    request->ring_bytes = DEFAULT_RING_BYTES;
    request->follow = true;
    bool has_command = exec_request_parse(&request->exec, bytes, length);
    struct field_reader reader = fields_open(bytes, length);
    struct field field;
    while (fields_next(&reader, &field)) {
        if (!parse_field(request, &field)) {
            return false;
        }
    }
    return !reader.broken && (request->verb != JOB_START || (has_command && request->id[0] != 0));
}

void job_request_free(struct job_request *request)
{
    exec_request_free(&request->exec);
}
