/*
 * Tables become bits of a mask, a statement's tables are looked up once a batch. With more than 64
 * tables in one batch, some share a bit: then a read may be taken for dependent that is not, which
 * costs time and nothing else.
 */
#include "store/batch.h"

#include <assert.h>
#include <string.h>

#include "base/memory.h"
#include "base/sync.h"

#define OPEN KN_STATUS_COUNT /* no outcome yet */

enum { MASK_BITS = 64 };

/* ---- planning ---- */

struct known_statement {
    const struct kn_statement *statement;
    uint64_t tables;
};

struct known_table {
    const char *name;
    size_t length;
};

struct planner {
    KN_VEC(struct known_statement) statements;
    KN_VEC(struct known_table) tables;
};

static int table_number(struct planner *p, const char *name, size_t length)
{
    for (int i = 0; i < p->tables.count; i++)
        if (p->tables.at[i].length == length && memcmp(p->tables.at[i].name, name, length) == 0)
            return i;
    kn_vec_push(&p->tables, ((struct known_table){name, length}));
    return p->tables.count - 1;
}

static uint64_t mask_of_names(struct planner *p, const char *names)
{
    uint64_t mask = 0;
    while (*(names += strspn(names, " "))) {
        size_t length = strcspn(names, " ");
        mask |= UINT64_C(1) << (table_number(p, names, length) % MASK_BITS);
        names += length;
    }
    return mask;
}

static uint64_t mask_of(struct planner *p, const struct kn_statement *statement)
{
    for (int i = p->statements.count - 1; i >= 0; i--)
        if (p->statements.at[i].statement == statement)
            return p->statements.at[i].tables;
    uint64_t mask = mask_of_names(p, statement->tables);
    kn_vec_push(&p->statements, ((struct known_statement){statement, mask}));
    return mask;
}

/* Sorts the free reads into those that a later write has to wait for, and the others. */
static void early_first(struct kn_batch *batch, struct planner *p)
{
    KN_SCOPED_MEM bool *early = kn_calloc((size_t)batch->count + 1, sizeof *early);
    uint64_t written_later = 0;
    for (int i = batch->count - 1; i >= 0; i--) {
        uint64_t mask = mask_of(p, batch->operations[i].statement);
        if (batch->operations[i].statement->access == KN_WRITE)
            written_later |= mask;
        else
            early[i] = mask & written_later;
    }
    KN_SCOPED_MEM int *late = kn_malloc(((size_t)batch->read_count + 1) * sizeof *late);
    int late_count = 0;
    for (int i = 0; i < batch->read_count; i++) {
        int number = batch->reads[i];
        if (early[number])
            batch->reads[batch->early_count++] = number;
        else
            late[late_count++] = number;
    }
    if (late_count)
        memcpy(batch->reads + batch->early_count, late, (size_t)late_count * sizeof *late);
}

void kn_batch_init(struct kn_batch *batch, struct kn_operation *operations, int count,
                   struct kn_arena *arena, struct kn_cancel *cancel)
{
    assert(count >= 0 && (count == 0 || operations) && arena);
    *batch = (struct kn_batch){.operations = operations,
                               .count = count,
                               .cancel = cancel,
                               .failed_write = -1,
                               .arena = arena};
    pthread_mutex_init(&batch->lock, NULL);
    batch->reads = kn_calloc(2 * (size_t)count + 1, sizeof *batch->reads);
    batch->writes = batch->reads + count;

    struct planner p = {0};
    uint64_t written = 0;
    for (int i = 0; i < count; i++) {
        struct kn_operation *operation = &operations[i];
        assert(operation->statement && operation->statement->name && operation->statement->tables);
        assert(operation->value_count >= 0);
        operation->status = OPEN;
        operation->error = NULL;
        operation->rows = (struct kn_rows){0};
        uint64_t mask = mask_of(&p, operation->statement);
        if (operation->statement->access == KN_WRITE)
            written |= mask;
        if (operation->statement->access == KN_WRITE || (mask & written))
            batch->writes[batch->write_count++] = i;
        else
            batch->reads[batch->read_count++] = i;
    }
    if (batch->write_count && batch->read_count)
        early_first(batch, &p);
    kn_vec_free(&p.statements);
    kn_vec_free(&p.tables);
}

void kn_batch_free(struct kn_batch *batch)
{
    free(batch->reads);
    pthread_mutex_destroy(&batch->lock);
}

/* ---- outcomes ---- */

bool kn_batch_open(const struct kn_batch *batch, int number)
{
    return batch->operations[number].status == OPEN;
}

static void set_failed(struct kn_batch *batch, int number, enum kn_status status, const char *text)
{
    struct kn_operation *operation = &batch->operations[number];
    operation->status = status;
    operation->rows = (struct kn_rows){0};
    operation->error = text;
}

static const char *keep_text(struct kn_batch *batch, const struct kn_error *err)
{
    KN_LOCKED(&batch->lock);
    return kn_arena_strdup(batch->arena, kn_error_text(err));
}

void kn_batch_fail(struct kn_batch *batch, int number, const struct kn_error *why)
{
    set_failed(batch, number, why->status, keep_text(batch, why));
}

void kn_batch_fail_reads(struct kn_batch *batch, const struct kn_error *why)
{
    const char *text = keep_text(batch, why);
    for (int i = 0; i < batch->read_count; i++)
        if (kn_batch_open(batch, batch->reads[i]))
            set_failed(batch, batch->reads[i], why->status, text);
}

void kn_batch_undo(struct kn_batch *batch, int number, const struct kn_error *why)
{
    enum kn_status others = why->status;
    const char *own = keep_text(batch, why), *text = own;
    batch->failed_write = number;
    if (number >= 0) {
        struct kn_error lost;
        others = kn_error_set(&lost, KN_LOST, "undone, because operation %d (%s) failed",
                              number + 1, batch->operations[number].statement->name);
        text = keep_text(batch, &lost);
    }
    for (int i = 0; i < batch->write_count; i++)
        set_failed(batch, batch->writes[i], others, text);
    if (number >= 0)
        set_failed(batch, number, why->status, own);
}

enum kn_status kn_batch_outcome(struct kn_batch *batch, struct kn_error *err)
{
    int first = -1; /* that failed by itself; a commit with an unknown outcome before all others */
    for (int i = 0; i < batch->count; i++) {
        enum kn_status status = batch->operations[i].status;
        assert(status != OPEN);
        bool undone = status == KN_LOST && batch->failed_write >= 0;
        bool unknown = status == KN_LOST && !undone;
        if (status != KN_OK && !undone && (first < 0 || unknown))
            first = i;
        if (unknown)
            break;
    }
    if (first < 0)
        return KN_OK;
    const struct kn_operation *operation = &batch->operations[first];
    /* Its number says nothing about what stopped all of them. */
    if (operation->status == KN_CANCELLED)
        return kn_error_set(err, KN_CANCELLED, "%s", operation->error);
    return kn_error_set(err, operation->status, "operation %d (%s): %s", first + 1,
                        operation->statement->name, operation->error);
}

const char *kn_statement_text(const struct kn_statement *statement, enum kn_database_kind kind)
{
    const char *own = kind == KN_DATABASE_SQLITE ? statement->sqlite : statement->postgres;
    const char *text = own ? own : statement->sql;
    assert(text);
    return text;
}

/* ---- rows ---- */

void kn_rows_add(struct kn_rows_maker *maker, struct kn_value value)
{
    kn_vec_push(&maker->values, value);
}

void kn_rows_add_text(struct kn_rows_maker *maker, const char *text, size_t length)
{
    struct kn_value value = {.type = KN_VALUE_TEXT, .integer = (int64_t)maker->texts.length};
    kn_str_add_bytes(&maker->texts, text, length);
    kn_str_add_char(&maker->texts, '\0');
    kn_vec_push(&maker->values, value);
}

void kn_rows_store(struct kn_rows_maker *maker, struct kn_batch *batch, int number, int columns,
                   int64_t changed)
{
    struct kn_operation *operation = &batch->operations[number];
    struct kn_rows rows = {.columns = columns, .changed = changed};
    if (maker->values.count) {
        pthread_mutex_lock(&batch->lock);
        struct kn_value *values = kn_vec_to_arena(&maker->values, batch->arena);
        const char *texts = kn_arena_copy(batch->arena, maker->texts.at, maker->texts.length);
        pthread_mutex_unlock(&batch->lock);
        for (int i = 0; i < maker->values.count; i++)
            if (values[i].type == KN_VALUE_TEXT)
                values[i].text = texts + values[i].integer;
        rows.values = values;
        rows.count = maker->values.count / columns;
    }
    operation->rows = rows;
    operation->status = KN_OK;
    kn_rows_drop(maker);
}

void kn_rows_drop(struct kn_rows_maker *maker)
{
    kn_vec_clear(&maker->values);
    kn_str_clear(&maker->texts);
}

void kn_rows_maker_free(struct kn_rows_maker *maker)
{
    kn_vec_free(&maker->values);
    kn_str_free(&maker->texts);
}
