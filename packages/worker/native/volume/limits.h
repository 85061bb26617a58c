/* Bounds on everything that a guest can make this process hold. */
#ifndef VOLUME_LIMITS_H
#define VOLUME_LIMITS_H

enum {
    /* How long a guest that has a folder alone believes what it was told of names and attributes: many calls of one program, and less than anybody waits. */
    KEPT_MS = 100,
    /* Two for each that a VM may have by the APIs. */
    MAX_ATTACHMENTS = 16,
    MAX_TAG_BYTES = 63,
    /* One write of 64 pages; larger ones gained nothing on the port, and each frame has to be skipped by as many zeros. */
    MAX_DATA_BYTES = 256 * 1024,
    MAX_MESSAGE_BYTES = MAX_DATA_BYTES + 4096,
    /* Entries of a folder in one answer: such an answer is kept until it was received. */
    MAX_LISTING_BYTES = 32 * 1024,
    /* What the kernel lets a value of an attribute, and a list of names, have. */
    MAX_XATTR_BYTES = 64 * 1024,
    MAX_NAME_BYTES = 255,
    MAX_TARGET_BYTES = 4095,
    /* A folder inside folders beyond that is not found again once its descriptor had to go. */
    MAX_DEPTH = 1024,
    DEFAULT_NODES = 1024 * 1024,
    /* Descriptors kept for nodes that nobody has open; beyond, the one used the longest time ago is closed and found again by its name. */
    MAX_NODE_DESCRIPTORS = 32 * 1024,
    MAX_HANDLES = 64 * 1024,
    MAX_LOCKS = 64 * 1024,
    /* Of one owner on one file; databases have a handful. */
    MAX_RANGES = 1024,
    /* Fewer than an agent lets be under way, so that an unlock always finds room. */
    MAX_WAITING = 256,
    /* Of one copy_file_range: others wait behind it. */
    MAX_COPY_BYTES = 16 * 1024 * 1024,
    /* Answers that wait for the port; above the mark no request is begun. */
    OUTPUT_MARK_BYTES = 4 * 1024 * 1024,
    /* Answers that were not received yet; an agent has at most 1,024 requests under way. */
    MAX_KEPT_ANSWERS = 4096,
    MAX_KEPT_BYTES = 64 * 1024 * 1024,
    /* Messages without an answer after which the agent is told that they were done. */
    SILENT_FRAMES = 64,
    MAX_CONTROLS = 8,
    MAX_LINE_BYTES = 4096,
    /* A million nodes with names as they are. */
    MAX_TABLE_BYTES = 256 * 1024 * 1024,
};

#endif
