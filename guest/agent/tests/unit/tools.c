/* Programs of ours in images that lack them. */
#include "system/tools.h"

#include <stdlib.h>
#include <string.h>

#include "streams/exec-request.h"
#include "unit.h"

static void are_found_on_a_path(void)
{
    CHECK(path_has_tools("/bin:" TOOLS_FOLDER) && path_has_tools(TOOLS_FOLDER ":/bin") && path_has_tools(TOOLS_FOLDER));
    CHECK(!path_has_tools("") && !path_has_tools("/bin") && !path_has_tools("/x" TOOLS_FOLDER) && !path_has_tools(TOOLS_FOLDER "/x"));
}

static void are_last_on_every_path(void)
{
    const struct account account = {.name = "root", .home = "/root", .shell = "/bin/sh"};
    for (int given = 0; given < 2; given++) {
        struct exec_request request = {.env = calloc(3, sizeof(char *)), .envc = 2};
        request.env[0] = strdup("PATHS=/bin");
        request.env[1] = strdup("PATH=/vm");
        has_tools = given == 1;
        /* A second time changes nothing. */
        CHECK(exec_request_add_account(&request, &account) && exec_request_add_account(&request, &account));
        CHECK(strcmp(request.env[0], "PATHS=/bin") == 0);
        CHECK(strcmp(request.env[1], given == 1 ? "PATH=/vm:" TOOLS_FOLDER : "PATH=/vm") == 0);
        exec_request_free(&request);
    }
    has_tools = false;
}

void test_tools(void)
{
    are_found_on_a_path();
    are_last_on_every_path();
}
