/* What the files of the server share. */
#ifndef KN_NET_SERVER_INTERNAL_H
#define KN_NET_SERVER_INTERNAL_H

#include <stdatomic.h>

#include <microhttpd.h>

#include "base/list.h"
#include "net/server.h"

enum {
    KN_SERVER_HEAD_BYTES = 32 << 10, /* of a request, and of an answer */
    KN_SERVER_PARTS = 1024,          /* of a body; more is not a form that anybody sends */
};

/* ---- server_peers.c: who is connected, and until when ---- */

struct kn_server_peers {
    int64_t idle_ms;
    struct kn_cancel *closing; /* borrowed */
    pthread_t watch;
    pthread_mutex_t lock;
    struct kn_link list; /* protected by `lock` */
};

/* A connection, from its first to its last moment. */
struct kn_server_peer {
    struct kn_link link;
    int fd; /* the library's */
    int64_t idle_us;
    _Atomic int64_t deadline_us; /* then it is cut */
};

/* Returns 0 or an errno. */
int kn_server_peers_open(struct kn_server_peers *peers);
void kn_server_peers_close(struct kn_server_peers *peers); /* after `closing` was triggered */
struct kn_server_peer *kn_server_peer_add(struct kn_server_peers *peers, int fd);
void kn_server_peer_remove(struct kn_server_peers *peers, struct kn_server_peer *peer);
/* Since `since_us` (kn_now_us) so many bytes have moved, or will have to. */
void kn_server_peer_expect(struct kn_server_peer *peer, int64_t since_us, size_t bytes);
void kn_server_peer_wait(struct kn_server_peer *peer); /* for the handler: without a limit */
/* Behind an answer that came before the end of a body: sends nothing more, and drops what comes
 * until the peer is done, for some seconds at most. */
void kn_server_peer_linger(struct kn_server_peer *peer, struct kn_cancel *closing);

/* ---- server_body.c: what a request brings along ---- */

struct kn_server_body {
    char *data; /* malloc; with room for a closing NUL */
    size_t size, room;
    size_t max;
    _Atomic size_t *held; /* bytes of all bodies */
    size_t held_max;
    bool too_large; /* over `max`; nothing is kept */
    bool crowded;   /* no room beside the other bodies; nothing is kept */
};

void kn_server_body_add(struct kn_server_body *body, const void *data, size_t size);
void kn_server_body_free(struct kn_server_body *body);
/* Takes the parts out of the body, which is empty afterwards. False: it is not multipart. The data
 * lies in *ret_data (malloc). */
bool kn_server_body_parts(struct kn_server_body *body, struct MHD_Connection *connection,
                          struct kn_arena *arena, struct kn_server_field **ret_parts,
                          int *ret_count, char **ret_data);

/* ---- server_request.c: from the first line to the answer ---- */

/* What every request needs of the server. */
struct kn_server_work {
    struct kn_server_options options; /* without defaults */
    struct kn_cancel *closing;
    _Atomic size_t held; /* bytes of all bodies */
};

enum MHD_Result kn_server_request_access(void *arg, struct MHD_Connection *connection,
                                         const char *url, const char *method, const char *version,
                                         const char *upload, size_t *upload_size, void **at);
void kn_server_request_done(void *arg, struct MHD_Connection *connection, void **at,
                            enum MHD_RequestTerminationCode why);

/* ---- server_reply.c ---- */

/* Sends the answer, or does as its fault says. MHD_NO: the connection is to be cut. */
enum MHD_Result kn_server_reply_send(struct MHD_Connection *connection,
                                     const struct kn_reply *reply, struct kn_server_peer *peer,
                                     struct kn_cancel *closing);

#endif
