/* Reads the field lists that requests carry. */
#ifndef FASTVM_FIELDS_H
#define FASTVM_FIELDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct field {
    uint16_t tag;
    uint32_t length;
    const uint8_t *value;
};

struct field_reader {
    const uint8_t *next;
    const uint8_t *end;
    /* A length led out of the list. */
    bool broken;
};

struct field_reader fields_open(const uint8_t *bytes, size_t length);

/* False at the end of the list or at a broken field. */
bool fields_next(struct field_reader *reader, struct field *field);

/* A copy of the value as a string, to be freed; NULL when it holds a NUL byte or memory is short. */
char *field_string(const struct field *field);

/* The value's first bytes as a number; 0 when it is shorter. */
uint16_t field_u16(const struct field *field, size_t offset);
uint32_t field_u32(const struct field *field);
uint64_t field_u64(const struct field *field);

#endif
