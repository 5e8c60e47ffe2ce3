#include "slow_wire.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/sync.h"

enum { WIRES_MOST = 64, CHUNK_BYTES = 65536 };

/* None is ever freed: the wires end with the process, and what is on them then is no leak. */
struct chunk {
    struct chunk *next, *made_before;
    int64_t due_us;
    size_t size, sent;
    char data[];
};

/* One direction of a connection. */
struct wire {
    int from, to; /* -1: free */
    struct chunk *first, **last;
};

struct proxy {
    int listener, target_port;
    int64_t one_way_us;
    struct wire wires[WIRES_MOST];
    struct chunk *made, *spare;
};

static struct sockaddr_in loopback(int port)
{
    return (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)port),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static void no_delay(int fd)
{
    int yes = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
}

static void lay_wire(struct proxy *proxy, int from, int to)
{
    for (int i = 0; i < WIRES_MOST; i++) {
        struct wire *wire = &proxy->wires[i];
        if (wire->from >= 0)
            continue;
        *wire = (struct wire){.from = from, .to = to};
        wire->last = &wire->first;
        return;
    }
}

static void take_connection(struct proxy *proxy)
{
    int client = accept(proxy->listener, NULL, NULL);
    int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in target = loopback(proxy->target_port);
    if (client < 0 || server < 0 || connect(server, (struct sockaddr *)&target, sizeof target)) {
        close(client);
        close(server);
        return;
    }
    no_delay(client);
    no_delay(server);
    lay_wire(proxy, client, server);
    lay_wire(proxy, server, client);
}

static struct chunk *take_chunk(struct proxy *proxy)
{
    struct chunk *chunk = proxy->spare;
    if (chunk) {
        proxy->spare = chunk->next;
        return chunk;
    }
    chunk = kn_malloc(sizeof *chunk + CHUNK_BYTES);
    chunk->made_before = proxy->made;
    proxy->made = chunk;
    return chunk;
}

static void give_back(struct proxy *proxy, struct chunk *chunk)
{
    chunk->next = proxy->spare;
    proxy->spare = chunk;
}

static void receive(struct proxy *proxy, struct wire *wire)
{
    struct chunk *chunk = take_chunk(proxy);
    ssize_t size = recv(wire->from, chunk->data, CHUNK_BYTES, 0);
    chunk->next = NULL;
    chunk->due_us = kn_now_us() + proxy->one_way_us;
    chunk->size = size > 0 ? (size_t)size : 0; /* 0: the end */
    chunk->sent = 0;
    *wire->last = chunk;
    wire->last = &chunk->next;
    if (size <= 0) {
        shutdown(wire->from, SHUT_RD);
        wire->from = -2; /* read no more */
    }
}

static void drop(struct wire *wire)
{
    shutdown(wire->to, SHUT_WR);
    wire->from = -1; /* its sockets end with the process */
}

static void deliver(struct proxy *proxy, struct wire *wire, int64_t now_us)
{
    while (wire->first && wire->first->due_us <= now_us) {
        struct chunk *chunk = wire->first;
        if (!chunk->size) {
            give_back(proxy, chunk);
            drop(wire);
            return;
        }
        ssize_t sent = send(wire->to, chunk->data + chunk->sent, chunk->size - chunk->sent,
                            MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0)
            return; /* full, or gone: its end comes as well */
        chunk->sent += (size_t)sent;
        if (chunk->sent < chunk->size)
            return;
        wire->first = chunk->next;
        if (!wire->first)
            wire->last = &wire->first;
        give_back(proxy, chunk);
    }
}

static void wait_for_work(struct proxy *proxy, struct pollfd *fds)
{
    int64_t now_us = kn_now_us(), due_us = now_us + KN_US_PER_S;
    fds[WIRES_MOST] = (struct pollfd){.fd = proxy->listener, .events = POLLIN};
    for (int i = 0; i < WIRES_MOST; i++) {
        const struct wire *wire = &proxy->wires[i];
        fds[i] = (struct pollfd){.fd = wire->from >= 0 ? wire->from : -1, .events = POLLIN};
        if (wire->from != -1 && wire->first)
            due_us = KN_MIN(due_us, KN_MAX(wire->first->due_us, now_us + 50));
    }
    struct timespec left = {.tv_sec = 0, .tv_nsec = (due_us - now_us) % KN_US_PER_S * 1000};
    ppoll(fds, WIRES_MOST + 1, &left, NULL);
}

static void *carry(void *arg)
{
    struct proxy *proxy = arg;
    struct pollfd fds[WIRES_MOST + 1];
    prctl(PR_SET_TIMERSLACK, 1000); /* wake up to 1 us late, not 50 */
    for (;;) {
        wait_for_work(proxy, fds);
        if (fds[WIRES_MOST].revents)
            take_connection(proxy);
        for (int i = 0; i < WIRES_MOST; i++) {
            struct wire *wire = &proxy->wires[i];
            if (wire->from >= 0 && fds[i].fd == wire->from && fds[i].revents)
                receive(proxy, wire);
            if (wire->from != -1)
                deliver(proxy, wire, kn_now_us());
        }
    }
    return NULL;
}

int slow_wire_start(int target_port, int64_t one_way_us)
{
    static struct proxy proxy;
    struct sockaddr_in address = loopback(0);
    socklen_t size = sizeof address;
    pthread_t thread;
    proxy = (struct proxy){.target_port = target_port, .one_way_us = one_way_us};
    for (int i = 0; i < WIRES_MOST; i++)
        proxy.wires[i].from = -1;
    proxy.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(proxy.listener, (struct sockaddr *)&address, size) || listen(proxy.listener, 64) ||
        getsockname(proxy.listener, (struct sockaddr *)&address, &size) ||
        kn_thread_start(&thread, "slow-wire", carry, &proxy))
        return 0;
    pthread_detach(thread);
    return ntohs(address.sin_port);
}
