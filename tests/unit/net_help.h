/* For tests of src/net: raw sockets on loopback, and peers that behave as a test wants them to. */
#ifndef KN_TESTS_NET_HELP_H
#define KN_TESTS_NET_HELP_H

#include "run_help.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/str.h"

enum { WAIT_MS = 10000, PEER_CONNECTIONS = 256 };

static inline struct sockaddr_in loopback_address(int port)
{
    return (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)port),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static inline int raw_listen(int backlog, int *ret_port)
{
    struct sockaddr_in at = loopback_address(0);
    socklen_t size = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, size), 0);
    assert_int_equal(listen(fd, backlog), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &size), 0);
    *ret_port = ntohs(at.sin_port);
    return fd;
}

static inline int raw_connect(int port)
{
    struct sockaddr_in at = loopback_address(port);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof at), 0);
    return fd;
}

/* False: the other side takes no more. */
static inline bool raw_send_bytes(int fd, const void *data, size_t size)
{
    for (size_t sent = 0; sent < size;) {
        ssize_t n = send(fd, (const char *)data + sent, size - sent, MSG_NOSIGNAL);
        if (n <= 0)
            return false;
        sent += (size_t)n;
    }
    return true;
}

static inline bool raw_send(int fd, const char *text)
{
    return raw_send_bytes(fd, text, strlen(text));
}

/* What is there within `wait_ms`: bytes; 0: the end, in whatever way; -1: nothing. */
static inline ssize_t raw_read(int fd, void *buffer, size_t room, int wait_ms)
{
    struct pollfd at = {.fd = fd, .events = POLLIN};
    if (poll(&at, 1, wait_ms) <= 0)
        return -1;
    ssize_t n = recv(fd, buffer, room, 0);
    return n < 0 ? 0 : n;
}

/* Reads to the end of the connection; false: it did not end in time. */
static inline bool raw_read_all(int fd, struct kn_str *out, int wait_ms)
{
    char buffer[65536];
    int64_t until_us = kn_now_us() + (int64_t)wait_ms * 1000;
    for (;;) {
        int64_t left_ms = (until_us - kn_now_us()) / 1000;
        ssize_t n = raw_read(fd, buffer, sizeof buffer, (int)KN_MAX(left_ms, 0));
        if (n <= 0)
            return n == 0;
        kn_str_add_bytes(out, buffer, (size_t)n);
    }
}

/* The number behind "Content-Length:" in a head as curl and this file write it; 0: none. */
static inline long long head_length(const char *head)
{
    const char *at = strcasestr(head, "\r\ncontent-length:");
    return at ? strtoll(at + strlen("\r\ncontent-length:"), NULL, 10) : 0;
}

/* Reads a head, and nothing behind it; false: the connection ended before. */
static inline bool raw_read_head(int fd, struct kn_str *out)
{
    kn_str_clear(out);
    char c;
    while (!kn_ends_with(kn_str_text(out), "\r\n\r\n")) {
        if (raw_read(fd, &c, 1, WAIT_MS) != 1)
            return false;
        kn_str_add_char(out, c);
    }
    return true;
}

static inline bool raw_skip(int fd, long long bytes)
{
    char buffer[65536];
    while (bytes > 0) {
        ssize_t n = raw_read(fd, buffer, (size_t)KN_MIN(bytes, (long long)sizeof buffer), WAIT_MS);
        if (n <= 0)
            return false;
        bytes -= n;
    }
    return true;
}

/* Reads a head into `out`, and the body of the length that it names. */
static inline bool raw_read_message(int fd, struct kn_str *out)
{
    return raw_read_head(fd, out) && raw_skip(fd, head_length(kn_str_text(out)));
}

/* ---- a server that does as `serve` does ---- */

struct peer {
    int listener, port;
    void (*serve)(struct peer *peer, int fd, int number); /* on a thread of its own */
    void *arg;
    pthread_t thread;
    atomic_int accepted; /* connections so far */
    atomic_int requests; /* for `serve` to count */
    atomic_bool closing;
    struct gate moment; /* for `serve` to raise */
    struct peer_connection {
        struct peer *peer;
        pthread_t thread;
        int fd, number;
    } connections[PEER_CONNECTIONS];
};

static inline void *peer_serve(void *arg)
{
    struct peer_connection *connection = arg;
    connection->peer->serve(connection->peer, connection->fd, connection->number);
    shutdown(connection->fd, SHUT_RDWR);
    return NULL;
}

static inline void *peer_accept(void *arg)
{
    struct peer *peer = arg;
    for (int i = 0; i < PEER_CONNECTIONS; i++) {
        int fd = accept4(peer->listener, NULL, NULL, SOCK_CLOEXEC);
        if (fd < 0)
            break;
        if (atomic_load(&peer->closing)) {
            close(fd);
            break;
        }
        struct peer_connection *connection = &peer->connections[i];
        *connection = (struct peer_connection){.peer = peer, .fd = fd, .number = i};
        pthread_create(&connection->thread, NULL, peer_serve, connection);
        atomic_fetch_add(&peer->accepted, 1);
    }
    return NULL;
}

static inline void peer_open(struct peer *peer,
                             void (*serve)(struct peer *peer, int fd, int number), void *arg)
{
    *peer = (struct peer){.serve = serve, .arg = arg, .moment = GATE_INIT};
    peer->listener = raw_listen(128, &peer->port);
    pthread_create(&peer->thread, NULL, peer_accept, peer);
}

static inline void peer_close(struct peer *peer)
{
    atomic_store(&peer->closing, true);
    shutdown(peer->listener, SHUT_RDWR);
    pthread_join(peer->thread, NULL);
    close(peer->listener);
    for (int i = 0; i < atomic_load(&peer->accepted); i++) {
        shutdown(peer->connections[i].fd, SHUT_RDWR);
        pthread_join(peer->connections[i].thread, NULL);
        close(peer->connections[i].fd);
    }
}

/* Descriptors that this process has open. */
static inline int open_descriptors(void)
{
    int count = 0;
    for (int fd = 0; fd < 4096; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

#endif
