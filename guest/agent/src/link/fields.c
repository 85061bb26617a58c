#include "fields.h"

#include <stdlib.h>
#include <string.h>

enum { FIELD_HEADER_BYTES = 8 };

struct field_reader fields_open(const uint8_t *bytes, size_t length)
{
    return (struct field_reader){.next = bytes, .end = bytes + length, .broken = false};
}

bool fields_next(struct field_reader *reader, struct field *field)
{
    size_t left = (size_t)(reader->end - reader->next);
    if (left == 0 || reader->broken) {
        return false;
    }
    if (left < FIELD_HEADER_BYTES) {
        reader->broken = true;
        return false;
    }
    memcpy(&field->tag, reader->next, sizeof field->tag);
    memcpy(&field->length, reader->next + 4, sizeof field->length);
    if (field->length > left - FIELD_HEADER_BYTES) {
        reader->broken = true;
        return false;
    }
    field->value = reader->next + FIELD_HEADER_BYTES;
    reader->next = field->value + field->length;
    return true;
}

char *field_string(const struct field *field)
{
    if (memchr(field->value, 0, field->length) != NULL) {
        return NULL;
    }
    char *string = malloc((size_t)field->length + 1);
    if (string != NULL) {
        memcpy(string, field->value, field->length);
        string[field->length] = 0;
    }
    return string;
}

static uint64_t number(const struct field *field, size_t offset, size_t bytes)
{
    uint64_t value = 0;
    if (field->length >= offset + bytes) {
        memcpy(&value, field->value + offset, bytes);
    }
    return value;
}

uint16_t field_u16(const struct field *field, size_t offset)
{
    return (uint16_t)number(field, offset, sizeof(uint16_t));
}

uint32_t field_u32(const struct field *field)
{
    return (uint32_t)number(field, 0, sizeof(uint32_t));
}

uint64_t field_u64(const struct field *field)
{
    return number(field, 0, sizeof(uint64_t));
}
