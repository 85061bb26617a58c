/* Programs of ours for images that lack them: a shell, an archiver and what else a helper takes for granted. They are the last that are looked for. */
#ifndef FASTVM_TOOLS_H
#define FASTVM_TOOLS_H

#include <stdbool.h>

#define TOOLS_FOLDER "/.fastvm/bin"
/* Programs of whoever made a sandbox: the first that are looked for. */
#define SCRIPTS_FOLDER "/.msb/scripts"
#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* Set at boot, before the agent serves anybody. */
extern bool has_tools, has_scripts;

/* Whether `path`, as in PATH, already leads to them. */
bool path_has_tools(const char *path);

#endif
