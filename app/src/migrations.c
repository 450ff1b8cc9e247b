#include "migrations.h"

#include <dirent.h>
#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { MEMORY_BYTES = 16 << 20, FILE_BYTES_MAX = 1 << 20, DIGITS = 3, PATH_BYTES = 1024 };

static const char SUFFIX[] = ".sql";

/* --- One file ------------------------------------------------------------------------- */

static bool is_sql(const char *file) {
    size_t length = strlen(file), suffix = sizeof SUFFIX - 1;
    return file[0] != '.' && length > suffix && strcmp(file + length - suffix, SUFFIX) == 0;
}

/* Three digits, '-', and letters that mean nothing to SQL or a shell. */
static bool is_proper(const char *file) {
    return strspn(file, "0123456789") == DIGITS && file[DIGITS] == '-' && strlen(file) < MIGRATION_FILE_BYTES &&
           file[strspn(file, "0123456789abcdefghijklmnopqrstuvwxyz-_.")] == '\0';
}

/* The whole file; errno says why not. */
static enum status read_whole(FILE *file, struct arena *arena, struct slice *out) {
    struct stat about;
    if (fstat(fileno(file), &about) != 0) {
        return STATUS_NOT_FOUND;
    }
    if (about.st_size > FILE_BYTES_MAX) {
        errno = EFBIG;
        return STATUS_NOT_FOUND;
    }
    size_t length = (size_t)about.st_size;
    char *bytes = arena_alloc(arena, length);
    if (bytes == NULL || fread(bytes, 1, length, file) != length) {
        return STATUS_NOT_FOUND;
    }
    *out = (struct slice){bytes, length};
    return STATUS_OK;
}

static enum status read_file(const char *path, struct arena *arena, struct slice *out) {
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return STATUS_NOT_FOUND;
    }
    enum status status = read_whole(file, arena, out);
    int saved = errno;
    fclose(file);
    errno = saved;
    return status;
}

static void write_sum(struct slice bytes, char out[static MIGRATION_SUM_CHARS + 1]) {
    unsigned char sum[MIGRATION_SUM_CHARS / 2] = {0};
    EVP_Q_digest(NULL, "SHA256", NULL, bytes.data, bytes.length, sum, NULL);
    for (size_t i = 0; i < sizeof sum; i++) {
        snprintf(out + 2 * i, 3, "%02x", sum[i]);
    }
}

/* --- The directory -------------------------------------------------------------------- */

static enum status add(struct migrations *migrations, const char *directory, const char *file, char *reason,
                       size_t reason_size) {
    char path[PATH_BYTES];
    if (!is_proper(file) || migrations->count == MIGRATIONS_MAX) {
        snprintf(reason, reason_size, "%s is no 001-name.sql, or one too many; there may be %d", file, MIGRATIONS_MAX);
        return STATUS_BAD_INPUT;
    }
    struct migration *migration = &migrations->list[migrations->count];
    *migration = (struct migration){.version = (unsigned)strtoul(file, NULL, 10)};
    snprintf(migration->file, sizeof migration->file, "%s", file);
    snprintf(path, sizeof path, "%s/%s", directory, file);
    enum status status = read_file(path, &migrations->arena, &migration->sql);
    if (status != STATUS_OK) {
        snprintf(reason, reason_size, "%s cannot be read: %s", path, strerror(errno));
        return status;
    }
    write_sum(migration->sql, migration->sum);
    migrations->count++;
    return STATUS_OK;
}

static int by_version(const void *a, const void *b) {
    const struct migration *left = a, *right = b;
    return (left->version > right->version) - (left->version < right->version);
}

static enum status check_numbers(const struct migrations *migrations, char *reason, size_t reason_size) {
    for (size_t i = 1; i < migrations->count; i++) {
        if (migrations->list[i].version == migrations->list[i - 1].version) {
            snprintf(reason, reason_size, "%s and %s have the same number", migrations->list[i - 1].file,
                     migrations->list[i].file);
            return STATUS_BAD_INPUT;
        }
    }
    return STATUS_OK;
}

enum status migrations_read(const char *directory, struct migrations *out, char *reason, size_t reason_size) {
    *out = (struct migrations){0};
    arena_init(&out->arena, MEMORY_BYTES);
    out->list = arena_alloc(&out->arena, MIGRATIONS_MAX * sizeof *out->list);
    DIR *files = opendir(directory);
    if (files == NULL || out->list == NULL) {
        snprintf(reason, reason_size, "%s cannot be read: %s", directory, strerror(errno));
        return STATUS_NOT_FOUND;
    }
    enum status status = STATUS_OK;
    for (const struct dirent *entry; status == STATUS_OK && (entry = readdir(files)) != NULL;) {
        status = is_sql(entry->d_name) ? add(out, directory, entry->d_name, reason, reason_size) : STATUS_OK;
    }
    closedir(files);
    qsort(out->list, out->count, sizeof *out->list, by_version);
    return status == STATUS_OK ? check_numbers(out, reason, reason_size) : status;
}

void migrations_free(struct migrations *migrations) { arena_free(&migrations->arena); }

/* --- What a database has -------------------------------------------------------------- */

enum status migrations_note(struct migrations *migrations, unsigned version, const char *sum, bool applied,
                            char *reason, size_t reason_size) {
    const struct migration key = {.version = version};
    struct migration *migration =
        bsearch(&key, migrations->list, migrations->count, sizeof *migrations->list, by_version);
    if (migration == NULL) {
        return STATUS_OK;
    }
    if (applied && strcmp(migration->sum, sum) != 0) {
        snprintf(reason, reason_size, "%s has changed since it was applied; undo that, and add a file instead",
                 migration->file);
        return STATUS_BAD_INPUT;
    }
    migration->state = applied ? MIGRATION_APPLIED : MIGRATION_BEGUN;
    return STATUS_OK;
}
