#include "exec-request.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "link/fields.h"
#include "link/protocol.h"
#include "system/tools.h"

/* Linux has room for about this many pointers beside the strings of a 4 MiB request. */
enum { MAX_STRINGS = 65536 };

void exec_request_free(struct exec_request *request)
{
    for (size_t i = 0; i < request->argc; i++) {
        free(request->argv[i]);
    }
    for (size_t i = 0; i < request->envc; i++) {
        free(request->env[i]);
    }
    free(request->argv);
    free(request->env);
    free(request->cwd);
    free(request->workdir);
    free(request->user);
}

static bool add_string(char ***strings, size_t *count, char *string)
{
    if (string == NULL || *count == MAX_STRINGS) {
        free(string);
        return false;
    }
    /* One more for the NULL that ends the list. */
    char **grown = realloc(*strings, (*count + 2) * sizeof **strings);
    if (grown == NULL) {
        free(string);
        return false;
    }
    *strings = grown;
    grown[(*count)++] = string;
    grown[*count] = NULL;
    return true;
}

static bool replace_string(char **slot, char *string)
{
    free(*slot);
    *slot = string;
    return string != NULL;
}

/* The resource's number, the soft limit, the hard one. */
static bool add_limit(struct exec_request *request, const struct field *field)
{
    uint32_t resource;
    uint64_t values[2];
    if (field->length != sizeof resource + sizeof values) {
        return false;
    }
    memcpy(&resource, field->value, sizeof resource);
    memcpy(values, field->value + sizeof resource, sizeof values);
    return limits_add(&request->limits, resource, values[0], values[1]);
}

static bool parse_field(struct exec_request *request, const struct field *field)
{
    switch (field->tag) {
    case TAG_ARG:
        return add_string(&request->argv, &request->argc, field_string(field));
    case TAG_ENV:
        return add_string(&request->env, &request->envc, field_string(field));
    case TAG_CWD:
        return replace_string(&request->cwd, field_string(field));
    case TAG_WORKDIR:
        return replace_string(&request->workdir, field_string(field));
    case TAG_USER:
        return replace_string(&request->user, field_string(field));
    case TAG_PTY:
        request->pty = true;
        request->size = (struct winsize){.ws_row = field_u16(field, 0), .ws_col = field_u16(field, 2)};
        return true;
    case TAG_STDIN:
        request->stdin_open = field->length > 0 && field->value[0] != 0;
        return true;
    case TAG_LIMIT:
        return add_limit(request, field);
    case TAG_RESTRICTED:
        request->is_restricted = true;
        return true;
    case TAG_TELL_PROCESS:
        request->tells_process = true;
        return true;
    default:
        return true;
    }
}

bool exec_request_parse(struct exec_request *request, const uint8_t *bytes, size_t length)
{
    memset(request, 0, sizeof *request);
    struct field_reader reader = fields_open(bytes, length);
    struct field field;
    while (fields_next(&reader, &field)) {
        if (!parse_field(request, &field)) {
            return false;
        }
    }
    return !reader.broken && request->argc > 0 && request->argv[0][0] != 0;
}

static bool has_variable(const struct exec_request *request, const char *name)
{
    size_t length = strlen(name);
    for (size_t i = 0; i < request->envc; i++) {
        if (strncmp(request->env[i], name, length) == 0 && request->env[i][length] == '=') {
            return true;
        }
    }
    return false;
}

static bool add_default(struct exec_request *request, const char *name, const char *value)
{
    if (has_variable(request, name)) {
        return true;
    }
    char *variable = malloc(strlen(name) + strlen(value) + 2);
    if (variable == NULL) {
        return false;
    }
    sprintf(variable, "%s=%s", name, value);
    return add_string(&request->env, &request->envc, variable);
}

/* First on PATH, whoever set that. */
static bool add_scripts(struct exec_request *request)
{
    static const char name[] = "PATH=";
    for (size_t i = 0; has_scripts && i < request->envc; i++) {
        char *variable = request->env[i];
        if (strncmp(variable, name, sizeof name - 1) != 0) {
            continue;
        }
        char *longer = malloc(strlen(variable) + sizeof SCRIPTS_FOLDER ":");
        if (longer == NULL) {
            return false;
        }
        sprintf(longer, "%s" SCRIPTS_FOLDER ":%s", name, variable + sizeof name - 1);
        free(variable);
        request->env[i] = longer;
    }
    return true;
}

/* Last on PATH, whoever set that: what the image has itself is found first. */
static bool add_tools(struct exec_request *request)
{
    static const char name[] = "PATH=";
    for (size_t i = 0; has_tools && i < request->envc; i++) {
        char *variable = request->env[i];
        if (strncmp(variable, name, sizeof name - 1) != 0 || path_has_tools(variable + sizeof name - 1)) {
            continue;
        }
        char *longer = malloc(strlen(variable) + sizeof ":" TOOLS_FOLDER);
        if (longer == NULL) {
            return false;
        }
        sprintf(longer, "%s:" TOOLS_FOLDER, variable);
        free(variable);
        request->env[i] = longer;
    }
    return true;
}

bool exec_request_add_account(struct exec_request *request, const struct account *account)
{
    return add_scripts(request) && add_tools(request) && add_default(request, "HOME", account->home) && add_default(request, "USER", account->name) &&
           add_default(request, "LOGNAME", account->name) && add_default(request, "SHELL", account->shell);
}
