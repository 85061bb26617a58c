#include "tools.h"

#include <string.h>

bool has_tools, has_scripts;

bool path_has_tools(const char *path)
{
    const size_t length = strlen(TOOLS_FOLDER);
    for (const char *found = path; (found = strstr(found, TOOLS_FOLDER)) != NULL; found += length) {
        bool begins = found == path || found[-1] == ':';
        if (begins && (found[length] == 0 || found[length] == ':')) {
            return true;
        }
    }
    return false;
}
