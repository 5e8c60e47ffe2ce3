#include "net/server.h"

#include <errno.h>
#include <netdb.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/server_internal.h"

enum {
    CONNECTIONS = 256,
    BACKLOG = 512,
    BODY_BYTES = 64 << 20,
    BODIES_BYTES = 1 << 30,
    IDLE_MS = 30000,
    READ_BYTES = 16 << 10, /* by so much a connection's buffer grows */
};

struct kn_server {
    struct kn_server_work work;
    struct kn_server_peers peers;
    bool watched; /* `peers` is open */
    struct MHD_Daemon *daemon;
    int port;
};

/* Into numbers alone: a name could mean several addresses, and take its time. */
static enum kn_status resolve(const char *address, int port, struct addrinfo **ret_info,
                              struct kn_error *err)
{
    char service[16];
    struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE,
                             .ai_socktype = SOCK_STREAM};
    snprintf(service, sizeof service, "%d", port);
    if (port < 0 || port > 65535 || getaddrinfo(address, service, &hints, ret_info) != 0)
        return kn_error_set(err, KN_INVALID, "cannot listen on \"%s\", port %d: not an address",
                            address, port);
    return KN_OK;
}

static int port_of(int fd)
{
    struct sockaddr_storage at;
    socklen_t size = sizeof at;
    char service[16] = "";
    getsockname(fd, (struct sockaddr *)&at, &size);
    getnameinfo((struct sockaddr *)&at, size, NULL, 0, service, sizeof service, NI_NUMERICSERV);
    return (int)strtol(service, NULL, 10);
}

static enum kn_status listen_at(const char *address, int port, int *ret_fd, struct kn_error *err)
{
    struct addrinfo *info = NULL;
    enum kn_status status = resolve(address, port, &info, err);
    if (status != KN_OK)
        return status;
    const int on = 1;
    int fd = socket(info->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool fine = fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
                bind(fd, info->ai_addr, info->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0;
    int failed = errno;
    freeaddrinfo(info);
    if (fine) {
        *ret_fd = fd;
        return KN_OK;
    }
    if (fd >= 0)
        close(fd);
    return kn_error_errno(err, failed, "cannot listen on %s, port %d", address, port);
}

/* The context of a connection is its peer, see server_request.c. */
static void connection_changed(void *arg, struct MHD_Connection *connection, void **context,
                               enum MHD_ConnectionNotificationCode what)
{
    struct kn_server *server = arg;
    if (what == MHD_CONNECTION_NOTIFY_STARTED) {
        int fd = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
        *context = kn_server_peer_add(&server->peers, fd);
    } else {
        kn_server_peer_remove(&server->peers, *context);
        *context = NULL;
    }
}

/* The library's threads inherit the caller's signal mask, and signals are for others. */
static struct MHD_Daemon *start_daemon(struct kn_server *server, int fd)
{
    const struct kn_server_options *options = &server->work.options;
    struct MHD_OptionItem items[] = {
        {MHD_OPTION_LISTEN_SOCKET, fd, NULL},
        {MHD_OPTION_CONNECTION_LIMIT, options->connections_max, NULL},
        {MHD_OPTION_CONNECTION_MEMORY_LIMIT, KN_SERVER_HEAD_BYTES, NULL},
        {MHD_OPTION_CONNECTION_MEMORY_INCREMENT, READ_BYTES, NULL},
        {MHD_OPTION_CONNECTION_TIMEOUT, (intptr_t)(options->idle_ms + 999) / 1000, NULL},
        {MHD_OPTION_STRICT_FOR_CLIENT, 1, NULL},
        {MHD_OPTION_NOTIFY_COMPLETED, (intptr_t)kn_server_request_done, NULL},
        {MHD_OPTION_NOTIFY_CONNECTION, (intptr_t)connection_changed, server},
        {MHD_OPTION_END, 0, NULL},
    };
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    struct MHD_Daemon *daemon =
        MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_THREAD_PER_CONNECTION |
                             MHD_USE_POLL | MHD_USE_ITC,
                         0, NULL, NULL, kn_server_request_access, &server->work, MHD_OPTION_ARRAY,
                         items, MHD_OPTION_END);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return daemon;
}

static struct kn_server *server_new(const struct kn_server_options *options)
{
    struct kn_server *server = kn_calloc(1, sizeof *server);
    struct kn_server_options *all = &server->work.options;
    *all = *options;
    all->address = NULL; /* borrowed, and not needed any more */
    all->connections_max = all->connections_max ? all->connections_max : CONNECTIONS;
    all->body_max = all->body_max ? all->body_max : BODY_BYTES;
    all->bodies_max = all->bodies_max ? all->bodies_max : BODIES_BYTES;
    all->idle_ms = all->idle_ms ? all->idle_ms : IDLE_MS;
    server->work.closing = kn_cancel_new(NULL);
    server->peers.idle_ms = all->idle_ms;
    server->peers.closing = server->work.closing;
    return server;
}

enum kn_status kn_server_open(const struct kn_server_options *options,
                              struct kn_server **ret_server, struct kn_error *err)
{
    int fd = -1;
    const char *address = options->address ? options->address : "127.0.0.1";
    enum kn_status status = listen_at(address, options->port, &fd, err);
    if (status != KN_OK)
        return status;
    KN_SCOPED(kn_server) server = server_new(options);
    server->port = port_of(fd);
    int failed = kn_server_peers_open(&server->peers);
    if (failed) {
        close(fd);
        return kn_error_errno(err, failed, "cannot start a thread");
    }
    server->watched = true;
    server->daemon = start_daemon(server, fd); /* owns `fd` now, even if it fails */
    if (!server->daemon)
        return kn_error_errno(err, errno, "cannot start a server");
    *ret_server = KN_MOVE(server);
    return KN_OK;
}

int kn_server_port(const struct kn_server *server)
{
    return server->port;
}

void kn_server_close(struct kn_server *server)
{
    if (!server)
        return;
    kn_cancel_trigger(server->work.closing);
    if (server->daemon)
        MHD_stop_daemon(server->daemon); /* cuts all connections and joins their threads */
    if (server->watched)
        kn_server_peers_close(&server->peers);
    kn_cancel_free(server->work.closing);
    free(server);
}

static const struct kn_server_field *find(const struct kn_server_field *fields, int count,
                                          const char *name,
                                          int (*compare)(const char *, const char *))
{
    for (int i = 0; i < count; i++)
        if (compare(fields[i].name, name) == 0)
            return &fields[i];
    return NULL;
}

const struct kn_server_field *kn_server_header(const struct kn_exchange *exchange, const char *name)
{
    return find(exchange->headers, exchange->header_count, name, strcasecmp);
}

const struct kn_server_field *kn_server_part(const struct kn_exchange *exchange, const char *name)
{
    return find(exchange->parts, exchange->part_count, name, strcmp);
}

const struct kn_server_field *kn_server_query(const struct kn_exchange *exchange, const char *name)
{
    return find(exchange->query, exchange->query_count, name, strcmp);
}

const char *kn_server_text(const struct kn_exchange *exchange, const char *name)
{
    const struct kn_server_field *part = kn_server_part(exchange, name);
    return part ? part->data : NULL;
}
