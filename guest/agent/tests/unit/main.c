/* What needs no command and no host. Built with sanitizers. */
#include <stdlib.h>
#include <unistd.h>

#include "unit.h"

int checks, failures;

int main(void)
{
    char folder[] = "/tmp/agent-unit-XXXXXX";
    CHECK(mkdtemp(folder) != NULL);
    test_parser();
    test_link();
    test_files(folder);
    test_identity();
    test_tools();
    test_loop();
    CHECK(rmdir(folder) == 0);
    printf("%d passed, %d failed\n", checks - failures, failures);
    return failures != 0;
}
