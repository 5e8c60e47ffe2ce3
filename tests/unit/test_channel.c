#include "run_help.h"

#include <sched.h>

static void values_come_out_in_order(void **state)
{
    (void)state;
    struct kn_channel *channel = kn_channel_new(sizeof(int), 3);
    int next = 0, expected = 0, got;
    /* Round the ring several times, at every fill level. */
    for (int round = 0; round < 20; round++) {
        for (int i = 0; i <= round % 3; i++, next++)
            assert_int_equal(kn_channel_send(channel, &next, NULL), KN_OK);
        assert_int_equal(kn_channel_count(channel), next - expected);
        while (expected < next) {
            assert_int_equal(kn_channel_recv(channel, &got, NULL), KN_OK);
            assert_int_equal(got, expected++);
        }
    }
    kn_channel_free(channel);
    kn_channel_free(NULL);
}

static void try_never_waits(void **state)
{
    (void)state;
    struct kn_channel *channel = kn_channel_new(sizeof(int), 1);
    int value = 7, got = -1;
    assert_int_equal(kn_channel_try_recv(channel, &got), KN_LIMIT);
    assert_int_equal(kn_channel_try_send(channel, &value), KN_OK);
    assert_int_equal(kn_channel_try_send(channel, &value), KN_LIMIT);
    assert_int_equal(kn_channel_try_recv(channel, &got), KN_OK);
    assert_int_equal(got, 7);
    kn_channel_close(channel);
    assert_int_equal(kn_channel_try_recv(channel, &got), KN_END);
    assert_int_equal(kn_channel_try_send(channel, &value), KN_END);
    kn_channel_free(channel);
}

static void a_closed_channel_is_drained(void **state)
{
    (void)state;
    struct kn_channel *channel = kn_channel_new(sizeof(int), 4);
    for (int i = 0; i < 3; i++)
        kn_channel_send(channel, &i, NULL);
    kn_channel_close(channel);
    kn_channel_close(channel);
    int got = 0;
    assert_int_equal(kn_channel_send(channel, &got, NULL), KN_END);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(kn_channel_recv(channel, &got, NULL), KN_OK);
        assert_int_equal(got, i);
    }
    assert_int_equal(kn_channel_recv(channel, &got, NULL), KN_END);
    assert_int_equal(got, 2); /* untouched */
    kn_channel_free(channel);
}

static void who_is_told_to_stop_neither_sends_nor_receives(void **state)
{
    (void)state;
    struct kn_channel *channel = kn_channel_new(sizeof(int), 4);
    struct kn_cancel *cancel = kn_cancel_new(NULL);
    int value = 1;
    assert_int_equal(kn_channel_send(channel, &value, cancel), KN_OK);
    kn_cancel_trigger(cancel);
    assert_int_equal(kn_channel_send(channel, &value, cancel), KN_CANCELLED);
    assert_int_equal(kn_channel_recv(channel, &value, cancel), KN_CANCELLED);
    assert_int_equal(kn_channel_count(channel), 1);
    kn_cancel_free(cancel);
    kn_channel_free(channel);
}

/* ---- threads ---- */

struct blocked {
    struct kn_channel *channel;
    struct kn_cancel *cancel;
    bool sends;
    struct gate started;
    enum kn_status status;
};

static void *block(void *arg)
{
    struct blocked *blocked = arg;
    int value = 5;
    gate_add(&blocked->started);
    blocked->status = blocked->sends ? kn_channel_send(blocked->channel, &value, blocked->cancel)
                                     : kn_channel_recv(blocked->channel, &value, blocked->cancel);
    return NULL;
}

static void the_blocked_are_woken_by_close_and_cancel(void **state)
{
    (void)state;
    for (int round = 0; round < 200; round++) {
        bool sends = round & 1, closes = round & 2;
        struct kn_channel *channel = kn_channel_new(sizeof(int), 1);
        struct kn_cancel *cancel = kn_cancel_new(NULL);
        int value = 0;
        if (sends)
            kn_channel_send(channel, &value, NULL);
        struct blocked blocked = {channel, cancel, sends, GATE_INIT, KN_INTERNAL};
        pthread_t thread;
        pthread_create(&thread, NULL, block, &blocked);
        gate_wait(&blocked.started, 1);
        if (closes)
            kn_channel_close(channel);
        else
            kn_cancel_trigger(cancel);
        pthread_join(thread, NULL);
        assert_int_equal(blocked.status, closes ? KN_END : KN_CANCELLED);
        assert_int_equal(kn_channel_count(channel), sends);
        kn_cancel_free(cancel);
        kn_channel_free(channel);
    }
}

enum { SENDERS = 3, RECEIVERS = 3, VALUES = 3000 };

struct traffic {
    struct kn_channel *channel;
    int sender;
    atomic_int *seen; /* [SENDERS * VALUES] */
    bool out_of_order;
};

struct parcel {
    int sender, number;
    char padding[13]; /* an odd size */
};

static void *send_all(void *arg)
{
    struct traffic *traffic = arg;
    for (int i = 0; i < VALUES; i++) {
        struct parcel parcel = {.sender = traffic->sender, .number = i};
        if (kn_channel_send(traffic->channel, &parcel, NULL) != KN_OK)
            break;
    }
    return NULL;
}

static void *receive_all(void *arg)
{
    struct traffic *traffic = arg;
    int last[SENDERS] = {-1, -1, -1};
    struct parcel parcel;
    while (kn_channel_recv(traffic->channel, &parcel, NULL) == KN_OK) {
        traffic->out_of_order |= parcel.number <= last[parcel.sender];
        last[parcel.sender] = parcel.number;
        traffic->seen[parcel.sender * VALUES + parcel.number]++;
    }
    return NULL;
}

static void every_value_arrives_once(void **state)
{
    (void)state;
    for (size_t capacity = 1; capacity <= 64; capacity *= 8) {
        atomic_int *seen = kn_calloc(SENDERS * VALUES, sizeof *seen);
        struct kn_channel *channel = kn_channel_new(sizeof(struct parcel), capacity);
        struct traffic traffic[SENDERS + RECEIVERS];
        pthread_t threads[SENDERS + RECEIVERS];
        for (int i = 0; i < SENDERS + RECEIVERS; i++) {
            traffic[i] = (struct traffic){.channel = channel, .sender = i, .seen = seen};
            pthread_create(&threads[i], NULL, i < SENDERS ? send_all : receive_all, &traffic[i]);
        }
        for (int i = 0; i < SENDERS; i++)
            pthread_join(threads[i], NULL);
        kn_channel_close(channel);
        for (int i = SENDERS; i < SENDERS + RECEIVERS; i++) {
            pthread_join(threads[i], NULL);
            assert_false(traffic[i].out_of_order);
        }
        for (int i = 0; i < SENDERS * VALUES; i++)
            assert_int_equal(seen[i], 1);
        free(seen);
        kn_channel_free(channel);
    }
}

struct slow_wake {
    struct gate entered, may_leave;
};

static void wake_slowly(void *arg)
{
    struct slow_wake *slow = arg;
    gate_add(&slow->entered);
    gate_wait(&slow->may_leave, 1);
}

static void *trigger(void *arg)
{
    kn_cancel_trigger(arg);
    return NULL;
}

/* Two receivers wait, and the token of the first is triggered, but another watch of that token
 * keeps the trigger from waking it. Then a value arrives: when its wakeup goes to the first, which
 * has been told to stop, the first has to hand it on, or the second waits for ever. */
static void a_cancelled_receiver_swallows_no_wakeup(void **state)
{
    (void)state;
    for (int round = 0; round < 100; round++) {
        struct kn_channel *channel = kn_channel_new(sizeof(int), 1);
        struct kn_cancel *cancel = kn_cancel_new(NULL);
        struct slow_wake slow = {GATE_INIT, GATE_INIT};
        struct kn_cancel_watch watch = {.wake = wake_slowly, .arg = &slow};
        struct blocked first = {channel, cancel, false, GATE_INIT, KN_INTERNAL};
        struct blocked second = {channel, NULL, false, GATE_INIT, KN_INTERNAL};
        pthread_t threads[3];
        kn_cancel_watch(cancel, &watch);
        pthread_create(&threads[0], NULL, block, &first);
        gate_wait(&first.started, 1);
        for (int i = 0; i < 20; i++) /* most likely it waits by then, which the test can't see */
            sched_yield();
        pthread_create(&threads[1], NULL, block, &second);
        gate_wait(&second.started, 1);
        for (int i = 0; i < 20; i++)
            sched_yield();
        pthread_create(&threads[2], NULL, trigger, cancel);
        gate_wait(&slow.entered, 1);
        int value = 1;
        assert_int_equal(kn_channel_send(channel, &value, NULL), KN_OK);
        pthread_join(threads[1], NULL);
        assert_int_equal(second.status, KN_OK);
        gate_add(&slow.may_leave);
        pthread_join(threads[0], NULL);
        assert_int_equal(first.status, KN_CANCELLED);
        pthread_join(threads[2], NULL);
        kn_cancel_unwatch(cancel, &watch);
        kn_cancel_free(cancel);
        kn_channel_free(channel);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_come_out_in_order),
        cmocka_unit_test(try_never_waits),
        cmocka_unit_test(a_closed_channel_is_drained),
        cmocka_unit_test(who_is_told_to_stop_neither_sends_nor_receives),
        cmocka_unit_test(the_blocked_are_woken_by_close_and_cancel),
        cmocka_unit_test(every_value_arrives_once),
        cmocka_unit_test(a_cancelled_receiver_swallows_no_wakeup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
