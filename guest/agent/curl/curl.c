/*
 * What helpers of clients ask of curl, for images that have none: to send a file, or what another program writes, to the host, and to fetch one. It knows
 * these options alone, and no TLS. The host needs none of it: it is reached at an address of this very machine, from where the agent carries the
 * connection, so there https:// is spoken to without. Everywhere else it is refused, and an image needs the real curl.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    MAX_HEADERS = 32,
    MAX_URL_BYTES = 8192,
    MAX_HEAD_BYTES = 65536,
    CHUNK_BYTES = 65536,
    /* As curl has them. */
    EXIT_UNSUPPORTED = 1,
    EXIT_USAGE = 2,
    EXIT_NO_HOST = 6,
    EXIT_NO_CONNECTION = 7,
    EXIT_HTTP_ERROR = 22,
    EXIT_WRITE = 23,
    EXIT_READ = 26,
    EXIT_NO_ANSWER = 52,
};

struct options {
    const char *method, *url, *upload, *output;
    const char *headers[MAX_HEADERS];
    int header_count;
    bool fails, is_silent, shows_errors;
};

static struct options options;

static void __attribute__((noreturn, format(printf, 2, 3))) fail(int code, const char *format, ...)
{
    if (!options.is_silent || options.shows_errors) {
        va_list arguments;
        va_start(arguments, format);
        fprintf(stderr, "curl: (%d) ", code);
        vfprintf(stderr, format, arguments);
        fputc('\n', stderr);
        va_end(arguments);
    }
    exit(code);
}

static const char *short_of(const char *name)
{
    static const char *const names[][2] = {
        {"--fail", "f"},    {"--silent", "s"}, {"--show-error", "S"},  {"--globoff", "g"}, {"--version", "V"},
        {"--request", "X"}, {"--header", "H"}, {"--upload-file", "T"}, {"--output", "o"},
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(names[i][0], name) == 0) {
            return names[i][1];
        }
    }
    fail(EXIT_USAGE, "this curl does not know %s", name);
}

static void set_value(char option, const char *value)
{
    if (value == NULL) {
        fail(EXIT_USAGE, "-%c needs a value", option);
    }
    switch (option) {
    case 'X':
        options.method = value;
        break;
    case 'T':
        options.upload = value;
        break;
    case 'o':
        options.output = value;
        break;
    default:
        if (options.header_count == MAX_HEADERS) {
            fail(EXIT_USAGE, "too many headers");
        }
        options.headers[options.header_count++] = value;
    }
}

/* Returns how many arguments it took beyond its own. */
static int take_option(const char *letters, const char *next)
{
    for (; *letters != 0; letters++) {
        switch (*letters) {
        case 'f':
            options.fails = true;
            break;
        case 's':
            options.is_silent = true;
            break;
        case 'S':
            options.shows_errors = true;
            break;
        case 'g':
            break;
        case 'V':
            puts("curl of FastVM: http://, -T, -X, -H, -o, -f, -s, -S, -g");
            exit(0);
        case 'X':
        case 'H':
        case 'T':
        case 'o':
            set_value(*letters, letters[1] != 0 ? letters + 1 : next);
            return letters[1] != 0 ? 0 : 1;
        default:
            fail(EXIT_USAGE, "this curl does not know -%c", *letters);
        }
    }
    return 0;
}

static void read_options(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (argv[i][0] != '-' || argv[i][1] == 0) {
            options.url = argv[i];
        } else {
            i += take_option(argv[i][1] == '-' ? short_of(argv[i]) : argv[i] + 1, argv[i + 1]);
        }
    }
    if (options.url == NULL) {
        fail(EXIT_USAGE, "no URL specified");
    }
}

struct address {
    char host[256], port[16], authority[300];
    const char *path;
    bool is_secure;
};

static void read_url(struct address *address)
{
    const char *end_of_scheme = strstr(options.url, "://");
    size_t scheme = end_of_scheme == NULL ? 0 : (size_t)(end_of_scheme - options.url);
    address->is_secure = scheme == 5 && strncasecmp(options.url, "https", 5) == 0;
    if (end_of_scheme != NULL && !address->is_secure && (scheme != 4 || strncasecmp(options.url, "http", 4) != 0)) {
        fail(EXIT_UNSUPPORTED, "Protocol of %s not supported", options.url);
    }
    const char *begin = end_of_scheme == NULL ? options.url : end_of_scheme + 3;
    size_t length = strcspn(begin, "/?#");
    if (strlen(options.url) > MAX_URL_BYTES || length == 0 || length >= sizeof address->authority) {
        fail(EXIT_USAGE, "the URL is too long, or has no host");
    }
    snprintf(address->authority, sizeof address->authority, "%.*s", (int)length, begin);
    address->path = begin + length;
    char *host = address->authority;
    const char *end = *host == '[' ? strchr(host, ']') : NULL;
    const char *colon = strrchr(end != NULL ? end : host, ':');
    size_t host_length = colon != NULL ? (size_t)(colon - host) : strlen(host);
    if (end != NULL) {
        host++;
        host_length = (size_t)(end - host);
    }
    if (host_length >= sizeof address->host || (colon != NULL && strlen(colon + 1) >= sizeof address->port)) {
        fail(EXIT_USAGE, "the URL's host is too long");
    }
    snprintf(address->host, sizeof address->host, "%.*s", (int)host_length, host);
    snprintf(address->port, sizeof address->port, "%s", colon != NULL ? colon + 1 : address->is_secure ? "443" : "80");
}

/* Whether both ends are here: what the kernel connects to an address of its own never leaves it. */
static bool stays_here(int fd)
{
    struct sockaddr_storage ours = {0}, theirs = {0};
    socklen_t size = sizeof ours, their_size = sizeof theirs;
    if (getsockname(fd, (struct sockaddr *)&ours, &size) < 0 || getpeername(fd, (struct sockaddr *)&theirs, &their_size) < 0 ||
        ours.ss_family != theirs.ss_family) {
        return false;
    }
    if (ours.ss_family == AF_INET) {
        return memcmp(&((struct sockaddr_in *)&ours)->sin_addr, &((struct sockaddr_in *)&theirs)->sin_addr, sizeof(struct in_addr)) == 0;
    }
    return memcmp(&((struct sockaddr_in6 *)&ours)->sin6_addr, &((struct sockaddr_in6 *)&theirs)->sin6_addr, sizeof(struct in6_addr)) == 0;
}

static int connect_to(const struct address *address)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    if (getaddrinfo(address->host, address->port, &hints, &found) != 0) {
        fail(EXIT_NO_HOST, "Could not resolve host: %s", address->host);
    }
    int fd = -1;
    for (struct addrinfo *each = found; each != NULL && fd < 0; each = each->ai_next) {
        fd = socket(each->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd >= 0 && connect(fd, each->ai_addr, each->ai_addrlen) < 0) {
            close(fd);
            fd = -1;
        }
    }
    freeaddrinfo(found);
    if (fd < 0) {
        fail(EXIT_NO_CONNECTION, "Failed to connect to %s port %s", address->host, address->port);
    }
    if (address->is_secure && !stays_here(fd)) {
        fail(EXIT_UNSUPPORTED, "this curl speaks no TLS: install one in the image for %s", options.url);
    }
    return fd;
}

static bool send_all(int fd, const char *bytes, size_t length)
{
    while (length > 0) {
        ssize_t sent = write(fd, bytes, length);
        if (sent < 0 && errno == EINTR) {
            continue;
        }
        if (sent < 0) {
            return false; /* It has answered already, and tells why. */
        }
        bytes += sent;
        length -= (size_t)sent;
    }
    return true;
}

static void send_head(int fd, const struct address *address, off_t length)
{
    static char head[MAX_HEAD_BYTES];
    const char *method = options.method != NULL ? options.method : options.upload != NULL ? "PUT" : "GET";
    int path = (int)strcspn(address->path, "#");
    int size = snprintf(head, sizeof head, "%s %s%.*s HTTP/1.1\r\nHost: %s\r\nUser-Agent: curl/fastvm\r\nAccept: */*\r\nConnection: close\r\n",
                        method, address->path[0] == '/' ? "" : "/", path, address->path, address->authority);
    for (int i = 0; i < options.header_count; i++) {
        size += snprintf(head + size, sizeof head - (size_t)size, "%.1024s\r\n", options.headers[i]);
    }
    if (options.upload != NULL && length >= 0) {
        size += snprintf(head + size, sizeof head - (size_t)size, "Content-Length: %lld\r\n", (long long)length);
    } else if (options.upload != NULL) {
        size += snprintf(head + size, sizeof head - (size_t)size, "Transfer-Encoding: chunked\r\n");
    }
    size += snprintf(head + size, sizeof head - (size_t)size, "\r\n");
    send_all(fd, head, (size_t)size);
}

/* `length` < 0: in pieces, each with its own. */
static void send_body(int fd, int from, off_t length)
{
    static char bytes[CHUNK_BYTES];
    char frame[32];
    bool goes_on = true;
    ssize_t count;
    while (goes_on && length != 0 && (count = read(from, bytes, sizeof bytes)) != 0) {
        if (count < 0) {
            fail(EXIT_READ, "%s: %s", options.upload, strerror(errno));
        }
        if (length < 0) {
            int framed = snprintf(frame, sizeof frame, "%zx\r\n", (size_t)count);
            goes_on = send_all(fd, frame, (size_t)framed) && send_all(fd, bytes, (size_t)count) && send_all(fd, "\r\n", 2);
        } else {
            /* What was promised, though the file may have grown. */
            size_t wanted = count > length ? (size_t)length : (size_t)count;
            goes_on = send_all(fd, bytes, wanted);
            length -= (off_t)wanted;
        }
    }
    if (goes_on && length < 0) {
        send_all(fd, "0\r\n\r\n", 5);
    }
}

static void send_request(int fd, const struct address *address)
{
    int from = STDIN_FILENO;
    off_t length = -1;
    if (options.upload != NULL && strcmp(options.upload, "-") != 0) {
        struct stat found;
        from = open(options.upload, O_RDONLY | O_CLOEXEC);
        if (from < 0 || fstat(from, &found) < 0) {
            fail(EXIT_READ, "%s: %s", options.upload, strerror(errno));
        }
        length = S_ISREG(found.st_mode) ? found.st_size : -1;
    }
    send_head(fd, address, length);
    if (options.upload != NULL) {
        send_body(fd, from, length);
    }
}

static FILE *answer;

/* Whether there is a line; without its end. */
static bool read_line(char *line, size_t size)
{
    if (fgets(line, (int)size, answer) == NULL) {
        return false;
    }
    line[strcspn(line, "\r\n")] = 0;
    return true;
}

static void copy_bytes(FILE *to, long long length)
{
    static char bytes[CHUNK_BYTES];
    size_t count;
    while (length != 0 && (count = fread(bytes, 1, length < 0 || length > CHUNK_BYTES ? CHUNK_BYTES : (size_t)length, answer)) > 0) {
        if (fwrite(bytes, 1, count, to) != count) {
            fail(EXIT_WRITE, "Failure writing output: %s", strerror(errno));
        }
        length -= length < 0 ? 0 : (long long)count;
    }
    if (length > 0) {
        fail(EXIT_NO_ANSWER, "the answer broke off");
    }
}

static void copy_chunks(FILE *to)
{
    char line[256];
    long long length = -1;
    while (length != 0) {
        if (!read_line(line, sizeof line) || !isxdigit((unsigned char)line[0]) || (length = strtoll(line, NULL, 16)) < 0) {
            fail(EXIT_NO_ANSWER, "the answer broke off");
        }
        copy_bytes(to, length);
        if (!read_line(line, sizeof line)) {
            fail(EXIT_NO_ANSWER, "the answer broke off");
        }
    }
}

static void read_answer(void)
{
    static char line[MAX_HEAD_BYTES];
    int status = 0;
    long long length = -1;
    bool is_chunked = false;
    /* 1xx are not yet the answer. */
    while (status < 200) {
        if (!read_line(line, sizeof line) || sscanf(line, "HTTP/%*d.%*d %d", &status) != 1) {
            fail(EXIT_NO_ANSWER, "Empty reply from server");
        }
        for (;;) {
            if (!read_line(line, sizeof line)) {
                fail(EXIT_NO_ANSWER, "the answer broke off");
            }
            if (line[0] == 0) {
                break;
            }
            if (strncasecmp(line, "content-length:", 15) == 0) {
                length = strtoll(line + 15, NULL, 10);
            } else if (strncasecmp(line, "transfer-encoding:", 18) == 0) {
                is_chunked = strstr(line, "chunked") != NULL;
            }
        }
    }
    if (options.fails && status >= 400) {
        fail(EXIT_HTTP_ERROR, "The requested URL returned error: %d", status);
    }
    FILE *to = options.output == NULL ? stdout : fopen(options.output, "we");
    if (to == NULL) {
        fail(EXIT_WRITE, "%s: %s", options.output, strerror(errno));
    }
    if (is_chunked) {
        copy_chunks(to);
    } else if (status != 204 && status != 304) {
        copy_bytes(to, length);
    }
    if (fflush(to) != 0) {
        fail(EXIT_WRITE, "Failure writing output: %s", strerror(errno));
    }
}

int main(int argc, char **argv)
{
    signal(SIGPIPE, SIG_IGN);
    read_options(argc, argv);
    struct address address;
    read_url(&address);
    int fd = connect_to(&address);
    send_request(fd, &address);
    answer = fdopen(fd, "r");
    if (answer == NULL) {
        fail(EXIT_NO_ANSWER, "%s", strerror(errno));
    }
    read_answer();
    return 0;
}
