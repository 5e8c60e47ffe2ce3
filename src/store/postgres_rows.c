#include "store/postgres_rows.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

/* From PostgreSQL's pg_type.dat; these numbers never change. */
enum {
    OID_BOOL = 16,
    OID_INT8 = 20,
    OID_INT2 = 21,
    OID_INT4 = 23,
    OID_OID = 26,
    OID_FLOAT4 = 700,
    OID_FLOAT8 = 701,
    OID_NUMERIC = 1700,
};

static struct kn_value real(const char *text)
{
    return (struct kn_value){.type = KN_VALUE_REAL, .real = strtod(text, NULL)};
}

static struct kn_value integer(int64_t number)
{
    return (struct kn_value){.type = KN_VALUE_INTEGER, .integer = number};
}

/* Sums of integers are numerics. */
static struct kn_value numeric(const char *text)
{
    long long number;
    return kn_parse_int(text, INT64_MIN, INT64_MAX, &number) ? integer(number) : real(text);
}

static void add_cell(struct kn_rows_maker *maker, const PGresult *result, int row, int column)
{
    if (PQgetisnull(result, row, column)) {
        kn_rows_add(maker, (struct kn_value){.type = KN_VALUE_NULL});
        return;
    }
    const char *text = PQgetvalue(result, row, column);
    switch (PQftype(result, column)) {
    case OID_INT2:
    case OID_INT4:
    case OID_INT8:
    case OID_OID:
        kn_rows_add(maker, integer(strtoll(text, NULL, 10)));
        break;
    case OID_BOOL:
        kn_rows_add(maker, integer(text[0] == 't'));
        break;
    case OID_FLOAT4:
    case OID_FLOAT8:
        kn_rows_add(maker, real(text));
        break;
    case OID_NUMERIC:
        kn_rows_add(maker, numeric(text));
        break;
    default:
        kn_rows_add_text(maker, text, (size_t)PQgetlength(result, row, column));
    }
}

void kn_postgres_store(struct kn_rows_maker *maker, struct kn_batch *batch, int number,
                       const PGresult *result)
{
    int rows = PQntuples(result), columns = PQnfields(result);
    bool wrote = batch->operations[number].statement->access == KN_WRITE;
    /* "" where the command changes no rows: a CREATE TABLE. */
    int64_t changed = wrote ? strtoll(PQcmdTuples((PGresult *)result), NULL, 10) : 0;
    for (int row = 0; row < rows; row++)
        for (int column = 0; column < columns; column++)
            add_cell(maker, result, row, column);
    kn_rows_store(maker, batch, number, columns, changed);
}

void kn_postgres_store_each(struct kn_rows_maker *maker, struct kn_batch *batch, const int *numbers,
                            int count, const PGresult *result)
{
    int rows = PQntuples(result), columns = PQnfields(result), row = 0;
    for (int i = 0; i < count; i++) {
        for (; row < rows && strtoll(PQgetvalue(result, row, 0), NULL, 10) == i + 1; row++)
            for (int column = 1; column < columns; column++)
                add_cell(maker, result, row, column);
        kn_rows_store(maker, batch, numbers[i], columns - 1, 0);
    }
    assert(row == rows); /* the statement numbers its rows in order */
}
