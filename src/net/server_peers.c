/*
 * libmicrohttpd's own time-out starts anew with every byte, so that somebody who sends a byte now
 * and then would hold a connection for hours. Here every connection has a deadline by which what it
 * is at has to be over, and a thread that shuts down the sockets of those that miss theirs; the
 * library then sees a peer that has gone.
 */
#include <poll.h>
#include <sys/socket.h>

#include <kirinuki/cancel.h>

#include "base/clock.h"
#include "base/sync.h"
#include "net/server_internal.h"

enum { BYTES_A_SECOND = 4096, LOOKS_A_LIMIT = 4, LINGER_MS = 5000, LINGER_LOOK_MS = 500 };

static void cut_late(struct kn_server_peers *peers)
{
    int64_t now_us = kn_now_us();
    KN_LOCKED(&peers->lock);
    for (struct kn_link *at = peers->list.next; at != &peers->list; at = at->next) {
        struct kn_server_peer *peer = KN_CONTAINER(at, struct kn_server_peer, link);
        if (atomic_load(&peer->deadline_us) <= now_us)
            shutdown(peer->fd, SHUT_RDWR);
    }
}

static void *watch_peers(void *arg)
{
    struct kn_server_peers *peers = arg;
    int64_t pause_ms = KN_MAX(peers->idle_ms / LOOKS_A_LIMIT, 1);
    while (!kn_cancel_wait_ms(peers->closing, pause_ms))
        cut_late(peers);
    return NULL;
}

int kn_server_peers_open(struct kn_server_peers *peers)
{
    kn_list_init(&peers->list);
    pthread_mutex_init(&peers->lock, NULL);
    int failed = kn_thread_start(&peers->watch, "http-peers", watch_peers, peers);
    if (failed)
        pthread_mutex_destroy(&peers->lock);
    return failed;
}

void kn_server_peers_close(struct kn_server_peers *peers)
{
    pthread_join(peers->watch, NULL);
    pthread_mutex_destroy(&peers->lock);
}

struct kn_server_peer *kn_server_peer_add(struct kn_server_peers *peers, int fd)
{
    struct kn_server_peer *peer = kn_calloc(1, sizeof *peer);
    peer->fd = fd;
    peer->idle_us = peers->idle_ms * 1000;
    kn_server_peer_expect(peer, kn_now_us(), 0);
    KN_LOCKED(&peers->lock);
    kn_list_add(&peers->list, &peer->link);
    return peer;
}

void kn_server_peer_remove(struct kn_server_peers *peers, struct kn_server_peer *peer)
{
    {
        KN_LOCKED(&peers->lock);
        kn_list_remove(&peer->link);
    }
    free(peer);
}

void kn_server_peer_expect(struct kn_server_peer *peer, int64_t since_us, size_t bytes)
{
    int64_t moving_us = (int64_t)(bytes / BYTES_A_SECOND) * KN_US_PER_S;
    atomic_store(&peer->deadline_us, since_us + peer->idle_us + moving_us);
}

void kn_server_peer_wait(struct kn_server_peer *peer)
{
    atomic_store(&peer->deadline_us, INT64_MAX);
}

void kn_server_peer_linger(struct kn_server_peer *peer, struct kn_cancel *closing)
{
    char dropped[16 << 10];
    int64_t until_us = kn_now_us() + INT64_C(1000) * LINGER_MS;
    struct pollfd fds[] = {{.fd = peer->fd, .events = POLLIN},
                           {.fd = kn_cancel_fd(closing), .events = POLLIN}};
    shutdown(peer->fd, SHUT_WR);
    while (!kn_cancel_requested(closing) && kn_now_us() < until_us) {
        if (poll(fds, KN_COUNT_OF(fds), LINGER_LOOK_MS) <= 0 || !fds[0].revents)
            continue;
        if (recv(peer->fd, dropped, sizeof dropped, MSG_DONTWAIT) <= 0)
            return;
    }
}
