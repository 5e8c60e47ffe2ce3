/* Secrets at rest: what opens, what does not, and what is said of it; the key file. */
#include "run_help.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "platform/seal.h"
#include "support/temp_folder.h"

static const struct kn_seal_owner ann = {"youtube", "ann", ""};
static const char secret[] = "ya29.a-token";

struct scene {
    char room[PATH_MAX];
    const char *folder, *path;
    struct kn_arena *arena;
    struct kn_error err;
};

static int scene_make(void **state)
{
    struct scene *scene = kn_calloc(1, sizeof *scene);
    scene->arena = kn_arena_new();
    scene->folder = temp_folder_make(scene->room);
    scene->path = kn_path_join(scene->arena, scene->folder, "data/key");
    unsetenv("KIRINUKI_KEY");
    *state = scene;
    return 0;
}

static int scene_drop(void **state)
{
    struct scene *scene = *state;
    temp_folder_remove(scene->folder);
    kn_arena_free(scene->arena);
    free(scene);
    return 0;
}

static void assert_says(const struct scene *scene, const char *part)
{
    if (!strstr(scene->err.text, part))
        fail_msg("“%s” says nothing of “%s”", scene->err.text, part);
}

static struct kn_seal_key some_key(struct scene *scene)
{
    struct kn_seal_key key;
    assert_int_equal(kn_seal_key_read(scene->path, true, &key, &scene->err), KN_OK);
    return key;
}

/* ---- seals ---- */

static void what_is_sealed_opens(void **state)
{
    struct scene *scene = *state;
    struct kn_seal_key key = some_key(scene);
    const void *sealed, *other;
    char *plain;
    size_t size, other_size, plain_size;
    kn_seal(&key, &ann, secret, sizeof secret - 1, scene->arena, &sealed, &size);
    kn_seal(&key, &ann, secret, sizeof secret - 1, scene->arena, &other, &other_size);
    assert_int_equal(size, other_size);
    assert_memory_not_equal(sealed, other, size);
    assert_null(memmem(sealed, size, "ya29", 4));
    assert_true(kn_seal_is_by(&key, sealed, size));
    assert_int_equal(
        kn_unseal(&key, &ann, sealed, size, scene->arena, &plain, &plain_size, &scene->err), KN_OK);
    assert_int_equal(plain_size, sizeof secret - 1);
    assert_string_equal(plain, secret);
}

static void no_byte_can_be_changed(void **state)
{
    struct scene *scene = *state;
    struct kn_seal_key key = some_key(scene);
    const void *sealed;
    char *plain;
    size_t size, plain_size;
    kn_seal(&key, &ann, secret, sizeof secret - 1, scene->arena, &sealed, &size);
    for (size_t i = 0; i < size; i++) {
        unsigned char *changed = kn_arena_copy(scene->arena, sealed, size);
        changed[i] ^= 0x10;
        enum kn_status status =
            kn_unseal(&key, &ann, changed, size, scene->arena, &plain, &plain_size, &scene->err);
        bool in_name = i >= 4 && i < 12; /* that names another key */
        if (status != (in_name ? KN_DENIED : KN_DAMAGED))
            fail_msg("byte %zu: %s", i, kn_status_name(status));
    }
    for (size_t n = 0; n < size; n++)
        assert_int_equal(
            kn_unseal(&key, &ann, sealed, n, scene->arena, &plain, &plain_size, &scene->err),
            KN_DAMAGED);
    assert_says(scene, "connect it again with `kirinuki auth youtube`");
}

static void rows_can_not_be_swapped(void **state)
{
    struct scene *scene = *state;
    struct kn_seal_key key = some_key(scene);
    static const struct kn_seal_owner others[] = {
        {"youtube", "bob", ""},
        {"x", "ann", ""},
        {"youtube", "ann", "http://127.0.0.1:8787"}, /* where its tokens would be sent */
        {"youtubea", "nn", ""},
    };
    const void *sealed;
    char *plain;
    size_t size, plain_size;
    kn_seal(&key, &ann, secret, sizeof secret - 1, scene->arena, &sealed, &size);
    for (size_t i = 0; i < KN_COUNT_OF(others); i++)
        assert_int_equal(kn_unseal(&key, &others[i], sealed, size, scene->arena, &plain,
                                   &plain_size, &scene->err),
                         KN_DAMAGED);
}

static void a_wrong_key_is_told_from_damage(void **state)
{
    struct scene *scene = *state;
    struct kn_seal_key key = some_key(scene), other;
    const void *sealed;
    char *plain;
    size_t size, plain_size;
    assert_int_equal(kn_seal_key_parse("00000000000000000000000000000000"
                                       "00000000000000000000000000000000",
                                       &other, NULL),
                     KN_OK);
    kn_seal(&key, &ann, secret, sizeof secret - 1, scene->arena, &sealed, &size);
    assert_false(kn_seal_is_by(&other, sealed, size));
    assert_int_equal(
        kn_unseal(&other, &ann, sealed, size, scene->arena, &plain, &plain_size, &scene->err),
        KN_DENIED);
    assert_says(scene, "sealed with another key than that of KIRINUKI_KEY");
}

/* ---- keys ---- */

static void keys_are_read_in_every_usual_form(void **state)
{
    struct scene *scene = *state;
    static const char *const good[] = {
        "fbff00000000000000000000000000000000000000000000000000000000fe3f",
        "FBFF00000000000000000000000000000000000000000000000000000000FE3F\n",
        "+/8AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA/j8=",
        "-_8AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA_j8",
    };
    static const char *const bad[] = {
        "",
        "secret",
        "fbff",
        "zzff00000000000000000000000000000000000000000000000000000000fe3f",
        "+/8AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA/j8= x",
        "+/8AAAAAAAAAAAAAAAAAAAAAAAAAAAAA"};
    struct kn_seal_key first, key;
    assert_int_equal(kn_seal_key_parse(good[0], &first, NULL), KN_OK);
    assert_int_equal(first.bytes[0], 0xfb);
    for (size_t i = 1; i < KN_COUNT_OF(good); i++) {
        assert_int_equal(kn_seal_key_parse(good[i], &key, &scene->err), KN_OK);
        assert_memory_equal(key.bytes, first.bytes, sizeof key.bytes);
    }
    for (size_t i = 0; i < KN_COUNT_OF(bad); i++)
        assert_int_equal(kn_seal_key_parse(bad[i], &key, &scene->err), KN_INVALID);
    assert_says(scene, "openssl rand -hex 32");
    setenv("KIRINUKI_KEY", good[0], true);
    assert_int_equal(kn_seal_key_find(false, &key, &scene->err), KN_OK);
    assert_memory_equal(key.bytes, first.bytes, sizeof key.bytes);
    setenv("KIRINUKI_KEY", "not-a-key", true);
    assert_int_equal(kn_seal_key_find(true, &key, &scene->err), KN_INVALID);
    assert_null(strstr(scene->err.text, "not-a-key"));
}

static void the_file_is_for_its_owner_alone(void **state)
{
    struct scene *scene = *state;
    struct kn_seal_key key, again;
    struct stat st;
    assert_int_equal(kn_seal_key_read(scene->path, false, &key, &scene->err), KN_MISSING);
    assert_says(scene, "set KIRINUKI_KEY");
    umask(0);
    key = some_key(scene);
    umask(022);
    assert_int_equal(stat(scene->path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(kn_seal_key_read(scene->path, false, &again, &scene->err), KN_OK);
    assert_memory_equal(key.bytes, again.bytes, sizeof key.bytes);
    static const mode_t open_modes[] = {0640, 0604, 0620, 0601, 0666};
    for (size_t i = 0; i < KN_COUNT_OF(open_modes); i++) {
        chmod(scene->path, open_modes[i]);
        assert_int_equal(kn_seal_key_read(scene->path, true, &again, &scene->err), KN_DENIED);
        assert_says(scene, "chmod 600");
    }
}

static void a_file_without_a_key_is_left_alone(void **state)
{
    struct scene *scene = *state;
    struct kn_seal_key key = some_key(scene);
    static const char *const texts[] = {"", "abc\n", "0123", "\0\0\0"};
    for (size_t i = 0; i < KN_COUNT_OF(texts); i++) {
        int fd = open(scene->path, O_WRONLY | O_TRUNC);
        assert_int_equal(write(fd, texts[i], i == 3 ? 3 : strlen(texts[i])),
                         i == 3 ? 3 : strlen(texts[i]));
        close(fd);
        assert_int_equal(kn_seal_key_read(scene->path, true, &key, &scene->err), KN_DAMAGED);
        assert_says(scene, "there is no key in");
    }
    unlink(scene->path);
    assert_int_equal(symlink("nowhere", scene->path), 0);
    assert_int_equal(kn_seal_key_read(scene->path, true, &key, &scene->err), KN_NOT_FOUND);
    unlink(scene->path);
    assert_int_equal(mkfifo(scene->path, 0600), 0);
    assert_int_equal(kn_seal_key_read(scene->path, true, &key, &scene->err), KN_INVALID);
}

struct maker {
    struct scene *scene;
    struct gate *start;
    struct kn_seal_key key;
    enum kn_status status;
};

static void *make_one(void *arg)
{
    struct maker *maker = arg;
    gate_wait(maker->start, 1);
    maker->status = kn_seal_key_read(maker->scene->path, true, &maker->key, NULL);
    return NULL;
}

static void all_makers_get_one_key(void **state)
{
    struct scene *scene = *state;
    enum { MAKERS = 8, ROUNDS = 20 };
    for (int round = 0; round < ROUNDS; round++) {
        struct gate start = GATE_INIT;
        struct maker makers[MAKERS];
        pthread_t threads[MAKERS];
        for (int i = 0; i < MAKERS; i++) {
            makers[i] = (struct maker){.scene = scene, .start = &start};
            pthread_create(&threads[i], NULL, make_one, &makers[i]);
        }
        gate_add(&start);
        for (int i = 0; i < MAKERS; i++)
            pthread_join(threads[i], NULL);
        for (int i = 0; i < MAKERS; i++) {
            assert_int_equal(makers[i].status, KN_OK);
            assert_memory_equal(makers[i].key.bytes, makers[0].key.bytes, KN_SEAL_KEY_BYTES);
        }
        unlink(scene->path);
    }
    /* Nothing is left beside it. */
    assert_int_equal(rmdir(kn_path_join(scene->arena, scene->folder, "data")), 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, scene_make, scene_drop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(what_is_sealed_opens),
        CASE(no_byte_can_be_changed),
        CASE(rows_can_not_be_swapped),
        CASE(a_wrong_key_is_told_from_damage),
        CASE(keys_are_read_in_every_usual_form),
        CASE(the_file_is_for_its_owner_alone),
        CASE(a_file_without_a_key_is_left_alone),
        CASE(all_makers_get_one_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
