#include "job-info.h"

#include <stdlib.h>
#include <string.h>

#include "link/protocol.h"

enum { FIELD_HEADER_BYTES = JOB_FIELD_HEADER_BYTES };

size_t job_put_field(uint8_t *space, uint16_t tag, const void *value, size_t length)
{
    const uint32_t length32 = (uint32_t)length;
    memcpy(space, &tag, sizeof tag);
    memset(space + 2, 0, 2);
    memcpy(space + 4, &length32, sizeof length32);
    if (length > 0) {
        memcpy(space + FIELD_HEADER_BYTES, value, length);
    }
    return FIELD_HEADER_BYTES + length;
}

static bool put_text(uint8_t *space, size_t *at, uint16_t tag, const char *text)
{
    size_t length = text == NULL ? 0 : strlen(text);
    if (text == NULL || *at + FIELD_HEADER_BYTES + length > MAX_SHOWN_BYTES) {
        return text == NULL;
    }
    *at += job_put_field(space + *at, tag, text, length);
    return true;
}

uint8_t *job_show(const struct job_request *request, size_t *length)
{
    const struct exec_request *exec = &request->exec;
    uint8_t *shown = malloc(MAX_SHOWN_BYTES + 4 * FIELD_HEADER_BYTES);
    if (shown == NULL) {
        return NULL;
    }
    size_t at = 0;
    bool whole = put_text(shown, &at, TAG_USER, exec->user) && put_text(shown, &at, TAG_CWD, exec->cwd);
    for (size_t i = 0; i < exec->argc && whole; i++) {
        whole = put_text(shown, &at, TAG_ARG, exec->argv[i]);
    }
    if (!whole) {
        at += job_put_field(shown + at, TAG_CUT, NULL, 0);
    }
    if (exec->pty) {
        const uint16_t size[2] = {exec->size.ws_row, exec->size.ws_col};
        at += job_put_field(shown + at, TAG_PTY, size, sizeof size);
    }
    *length = at;
    uint8_t *fitting = realloc(shown, at);
    return fitting == NULL ? shown : fitting;
}
