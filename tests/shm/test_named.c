/* SPDX-License-Identifier: MIT
 *
 * Named arrays: between strangers, under limits, and against hostile files.
 *
 * The stranger is this very program, executed anew: a constructor sees FURROW_STRANGER
 * in the environment, attaches, and ends before the test framework begins.
 */
#include "child.h"
#include "array.h"
#include "furrow_shm.h"
#include "heap.h"
#include "named.h"
#include "os.h"
#include "segment.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>

enum { HEADER = 4096 };

static char name[64], path[80];

static void set_up(void)
{
    snprintf(name, sizeof name, "/furrow-%d-named", (int)getpid());
    snprintf(path, sizeof path, "/dev/shm%s", name);
}

static void tear_down(void)
{
    unlink(path);
    rmdir(path);
}

TestSuite(named, .init = set_up, .fini = tear_down);

static furrow_array *create(int type, size_t len)
{
    furrow_array_options options = {.name = name};
    furrow_array *a = furrow_array_new(type, len, &options);

    cr_assert_not_null(a, "%s", furrow_last_error()->text);
    return a;
}

static int exists(void)
{
    struct stat st;

    return lstat(path, &st) == 0;
}

static size_t blocks_now(void)
{
    furrow_heap_info info;

    cr_assert_eq(furrow_heap_describe(&info), 0);
    return info.blocks;
}

static int files_now(void)
{
    DIR *dir = opendir("/proc/self/fd");
    int n = 0;

    while (readdir(dir))
        n++;
    closedir(dir);
    return n;
}

/* ---- the stranger -----------------------------------------------------------------*/

static int be_stranger(void)
{
    furrow_array *a = furrow_array_attach(getenv("FURROW_STRANGER"));

    child_want(a && a->type == 'd' && a->len == 1000 && a->ndim == 2);
    child_want(a->shape[0] == 20 && a->shape[1] == 50);
    child_want(((double *)a->data)[999] == 5);
    ((double *)a->data)[0] = 7;
    child_want(furrow_array_free(a) == 0);
    child_want(furrow_fsck() == 0);
    return 0;
}

__attribute__((constructor)) static void stranger(void)
{
    if (getenv("FURROW_STRANGER"))
        _exit(be_stranger());
}

static int run_stranger(void *arg)
{
    char *words[] = {"stranger", NULL};

    (void)arg;
    setenv("FURROW_STRANGER", name, 1);
    execve("/proc/self/exe", words, environ);
    return 2;
}

Test(named, between_strangers)
{
    furrow_array_options options = {.name = name, .ndim = 2, .shape = {20, 50}};
    furrow_array *a = furrow_array_new('d', 1000, &options);

    cr_assert_not_null(a, "%s", furrow_last_error()->text);
    ((double *)a->data)[999] = 5;
    cr_assert_eq(child_run(run_stranger, NULL), 0);
    cr_assert_eq(((double *)a->data)[0], 7.0);
    cr_assert(exists(), "the stranger's free() leaves the name");
    cr_assert_eq(furrow_array_free(a), 0);
    cr_assert(!exists());
}

Test(named, every_type)
{
    for (const char *type = "cbBhHiIlLqQfdg?FD"; *type; type++)
        for (size_t len = 0; len < 20; len += 7) {
            furrow_array *a = create(*type, len), *b = furrow_array_attach(name);

            cr_assert_not_null(b, "%s", furrow_last_error()->text);
            cr_assert_eq(b->type, *type);
            cr_assert_eq(b->len, len);
            cr_assert_eq((uintptr_t)a->data % 4096, 0);
            memset(a->data, 0x33, len * a->itemsize);
            cr_assert_eq(memcmp(a->data, b->data, len * a->itemsize), 0);
            cr_assert_eq(furrow_array_free(b), 0);
            cr_assert_eq(furrow_array_free(a), 0);
        }
}

Test(named, structs_and_their_format)
{
    furrow_array_options options = {.name = name, .format = "T{d:x:3i:k:}"};
    furrow_array *a = furrow_array_new(FURROW_STRUCT, 9, &options);
    furrow_array *b = furrow_array_attach(name);

    cr_assert_str_eq(furrow_array_format(b), options.format);
    furrow_array_free(a);
    cr_assert_eq(b->itemsize, 24);
    furrow_array_free(b);
}

Test(named, nothing_is_left)
{
    size_t blocks;
    int files;

    furrow_array_free(create('d', 1)); /* the guard stays */
    blocks = blocks_now();
    files = files_now();
    for (int i = 0; i < 50; i++) {
        furrow_array *a = create('d', 100000), *b = furrow_array_attach(name);
        furrow_array *c = furrow_array_slice(b, 5, 10);

        cr_assert_eq(furrow_array_free(b), 0);
        ((double *)a->data)[7] = i;
        cr_assert_eq(((double *)c->data)[2], (double)i);
        cr_assert_eq(furrow_array_free(a), 0);
        cr_assert(!exists());
        cr_assert_eq(furrow_array_free(c), 0);
    }
    cr_assert_eq(blocks_now(), blocks);
    cr_assert_eq(files_now(), files);
    cr_assert_eq(furrow_fsck(), 0);
}

/* ---- names ------------------------------------------------------------------------*/

Test(named, a_taken_name)
{
    furrow_array_options options = {.name = name};
    furrow_array *a = create('d', 5);
    size_t blocks = blocks_now();
    int files = files_now();

    cr_assert_null(furrow_array_new('d', 5, &options));
    cr_assert_eq(furrow_last_error()->os_error, EEXIST);
    cr_assert(strstr(furrow_last_error()->text, name));
    cr_assert_eq(blocks_now(), blocks);
    cr_assert_eq(files_now(), files);
    cr_assert(exists(), "the first one's");
    cr_assert_eq(furrow_array_free(a), 0);
    cr_assert(!exists());
}

Test(named, what_is_no_name)
{
    char longer[300] = "/";
    const char *bad[] = {"",  "/",  "/a/b", "/..", "/.",       "..",
                         ".", "//", "a/b",  "x//", longer + 1, longer};

    memset(longer + 1, 'a', sizeof longer - 2);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        furrow_array_options options = {.name = bad[i]};

        cr_assert_null(furrow_array_new('d', 5, &options));
        cr_assert_eq(furrow_last_error()->code, FURROW_EINVAL);
        cr_assert_null(furrow_array_attach(bad[i]));
        cr_assert_eq(furrow_last_error()->code, FURROW_EINVAL);
    }
    cr_assert_eq(blocks_now(), 0);
}

/* The '/' before it is no part of the name: as those of segments, and Python's. */
Test(named, with_or_without_a_slash)
{
    furrow_array *a = furrow_array_new(
        'd', 5, &(furrow_array_options){.name = name + 1}); /* behind its '/' */
    furrow_array *b;

    cr_assert(a, "%s", furrow_last_error()->text);
    cr_assert(exists());
    for (int slash = 0; slash < 2; slash++) {
        b = furrow_array_attach(name + slash);
        cr_assert(b, "%s", furrow_last_error()->text);
        cr_assert_eq(b->len, 5);
        cr_assert_eq(furrow_array_free(b), 0);
    }
    cr_assert_null(furrow_array_new('d', 5, &(furrow_array_options){.name = name}));
    cr_assert_eq(furrow_last_error()->os_error, EEXIST);
    cr_assert_eq(furrow_array_free(a), 0);
    cr_assert(!exists());
}

Test(named, the_longest_name)
{
    char longest[200];
    furrow_array *a;

    snprintf(longest, sizeof longest, "%s-", name + 1);
    memset(longest + strlen(longest), 'a', sizeof longest - strlen(longest));
    longest[198] = 0;
    a = furrow_array_new('d', 5, &(furrow_array_options){.name = longest});
    cr_assert(a, "%s", furrow_last_error()->text);
    cr_assert_eq(furrow_array_free(a), 0);
    longest[198] = 'a';
    longest[199] = 0;
    cr_assert_null(furrow_array_new('d', 5, &(furrow_array_options){.name = longest}));
    cr_assert_eq(furrow_last_error()->code, FURROW_EINVAL);
}

Test(named, nobody_has_it)
{
    cr_assert_null(furrow_array_attach(name));
    cr_assert_eq(furrow_last_error()->os_error, ENOENT);
}

/* Somebody removed the file and made another of that name: it is not ours to unlink. */
Test(named, the_name_is_another_ones_by_now)
{
    furrow_array *a = create('d', 5);
    int fd;

    unlink(path);
    fd = open(path, O_CREAT | O_EXCL | O_RDWR, 0600);
    cr_assert(fd >= 0);
    cr_assert_eq(furrow_array_free(a), 0);
    cr_assert(exists());
    close(fd);
}

/* The memory stays for a slice, but the name goes with its owner's handle. */
Test(named, name_goes_before_a_slice)
{
    furrow_array *a = create('d', 5000), *part;

    ((double *)a->data)[7] = 4;
    part = furrow_array_slice(a, 7, 8);
    cr_assert_not_null(part);
    cr_assert_eq(furrow_array_free(a), 0);
    cr_assert(!exists());
    a = create('d', 10);
    cr_assert_eq(((double *)part->data)[0], 4.0);
    cr_assert_eq(furrow_array_free(part), 0);
    cr_assert(exists(), "another one's by now");
    cr_assert_eq(furrow_array_free(a), 0);
    cr_assert(!exists());
    cr_assert_eq(furrow_fsck(), 0);
}

static int create_kept(void *arg)
{
    furrow_array_options options = {.name = name, .keep = 1};
    furrow_array *a = furrow_array_new('i', 10, &options);

    (void)arg;
    child_want(a);
    ((int *)a->data)[3] = 99;
    child_want(furrow_array_free(a) == 0);
    return 0;
}

Test(named, kept)
{
    furrow_array *a;

    cr_assert_eq(child_run(create_kept, NULL), 0);
    cr_assert(exists());
    a = furrow_array_attach(name);
    cr_assert_not_null(a);
    cr_assert_eq(((int *)a->data)[3], 99);
    cr_assert_eq(furrow_array_free(a), 0);
    cr_assert(exists());
}

/* A file is mapped by the process that made it: another cannot free it, nor touch it
 * unmapped without an error. */
static int use_of_others(void *arg)
{
    furrow_array *a = arg;

    child_want(furrow_array_populate(a) == 0);
    child_want(((double *)a->data)[3] == 4);
    child_want(furrow_array_free(a) == FURROW_EINVAL);
    return 0;
}

Test(named, of_another_process)
{
    furrow_array *a = create('d', 5000);

    ((double *)a->data)[3] = 4;
    cr_assert_eq(child_run(use_of_others, a), 0);
    cr_assert(exists());
    cr_assert_eq(furrow_array_free(a), 0);
}

/* A child that is older than the mapping. */
typedef struct letter {
    furrow_array *_Atomic a;
} letter;

static int populate_later(void *arg)
{
    letter *l = arg;

    while (!l->a)
        usleep(100);
    child_want(furrow_array_populate(l->a) == 0);
    child_want(((double *)l->a->data)[3] == 4);
    return 0;
}

Test(named, populated_by_an_older_process)
{
    letter *l = fw_heap_alloc(sizeof *l);
    pid_t pid = child_start(populate_later, l);
    furrow_array *a = create('d', 5000);

    ((double *)a->data)[3] = 4;
    l->a = a;
    cr_assert_eq(child_wait(pid), 0);
    cr_assert_eq(furrow_array_free(a), 0);
}

static const char *file_beside(void)
{
    static char file[sizeof path + 4];

    snprintf(file, sizeof file, "%s.npy", path);
    return file;
}

static int save_later(void *arg)
{
    letter *l = arg;

    while (!l->a)
        usleep(100);
    child_want(furrow_npy_save(l->a, file_beside()) == 0);
    return 0;
}

Test(named, saved_by_an_older_process)
{
    letter *l = fw_heap_alloc(sizeof *l);
    pid_t pid = child_start(save_later, l);
    furrow_array *a = create('d', 5000), *b;

    ((double *)a->data)[3] = 4;
    l->a = a;
    cr_assert_eq(child_wait(pid), 0);
    b = furrow_npy_load(file_beside());
    cr_assert_not_null(b, "%s", furrow_last_error()->text);
    cr_assert_eq(((double *)b->data)[3], 4.0);
    cr_assert_eq(furrow_array_free(b), 0);
    cr_assert_eq(furrow_array_free(a), 0);
    cr_assert_eq(furrow_npy_save(a, file_beside()), FURROW_EINVAL, "it is free");
    unlink(file_beside());
}

/* The program has closed the array's file, and another one has its number. */
static int other_file_later(void *arg)
{
    letter *l = arg;

    while (!l->a)
        usleep(100);
    child_want(furrow_array_populate(l->a) == FURROW_EINVAL);
    child_want(strstr(furrow_last_error()->text, "is not the array's any more"));
    return 0;
}

Test(named, whose_file_was_closed)
{
    letter *l = fw_heap_alloc(sizeof *l);
    pid_t pid = child_start(other_file_later, l);
    furrow_array *a = create('d', 5000);
    int number = ((fw_array *)a)->fd,
        other = open("/dev/shm", O_TMPFILE | O_RDWR, 0600);

    cr_assert_eq(ftruncate(other, 100000), 0);
    cr_assert_eq(dup2(other, number), number);
    ((double *)a->data)[3] = 4;
    l->a = a;
    cr_assert_eq(child_wait(pid), 0);
    cr_assert_eq(furrow_array_free(a), 0);
    cr_assert(fcntl(number, F_GETFD) != -1, "the other file stays open");
    close(number);
    close(other);
}

/* A file that is mapped to be read has nothing to take, and must not be written. */
Test(named, populate_of_a_file_to_be_read)
{
    furrow_array *a = furrow_array_new('d', 5000, NULL), *b;

    ((double *)a->data)[4999] = 3;
    cr_assert_eq(furrow_npy_save(a, path), 0);
    for (int writable = 0; writable < 2; writable++) {
        b = furrow_npy_map(path, writable);
        cr_assert_not_null(b, "%s", furrow_last_error()->text);
        cr_assert_eq(furrow_array_populate(b), 0, "%s", furrow_last_error()->text);
        cr_assert_eq(((double *)b->data)[4999], 3.0);
        cr_assert_eq(furrow_array_free(b), 0);
    }
    cr_assert_eq(furrow_array_free(a), 0);
}

/* ---- limits -----------------------------------------------------------------------*/

static int under_file_limit(void *arg)
{
    struct rlimit limit = {1 << 20, 1 << 20};
    furrow_array_options options = {.name = name};

    (void)arg;
    setrlimit(RLIMIT_FSIZE, &limit);
    child_want(!furrow_array_new('d', 1 << 20, &options));
    child_want(furrow_last_error()->code == FURROW_EOS);
    child_want(furrow_last_error()->os_error == EFBIG);
    child_want(!exists());
    child_want(furrow_array_new('d', 1000, &options));
    return 0;
}

Test(named, file_size_limit)
{
    cr_assert_not_null(fw_segment_get());
    cr_assert_eq(child_run(under_file_limit, NULL), 0);
}

static int without_files(void *arg)
{
    struct rlimit limit = {64, 64};
    furrow_array_options options = {.name = name};
    int fd, last = -1;

    (void)arg;
    setrlimit(RLIMIT_NOFILE, &limit);
    while ((fd = open("/dev/null", O_RDONLY)) >= 0)
        last = fd;
    for (int left = 0; left < 6; left++) {
        furrow_array *a = furrow_array_new('d', 10, &options);

        child_want(a || furrow_last_error()->os_error == EMFILE);
        child_want(a || !exists());
        child_want(furrow_array_free(a) == 0);
        close(last - left);
    }
    child_want(furrow_fsck() == 0);
    return 0;
}

Test(named, no_files_left)
{
    cr_assert_eq(child_run(without_files, NULL), 0);
}

Test(named, larger_than_memory)
{
    furrow_array_options options = {.name = name};
    size_t blocks = blocks_now();

    cr_assert_null(furrow_array_new('d', fw_os_memory_total() / 8 * 2, &options));
    cr_assert_eq(furrow_last_error()->code, FURROW_ENOMEM);
    cr_assert_null(furrow_array_new('d', SIZE_MAX / 64, &options));
    cr_assert_eq(furrow_last_error()->code, FURROW_ENOMEM);
    cr_assert(!exists());
    cr_assert_eq(blocks_now(), blocks);
}

/* A program with a fast timer: its signals interrupt the file's allocation. */
static void tick(int signal)
{
    (void)signal;
}

static int under_signals(void *arg)
{
    struct itimerval every_ms = {{0, 1000}, {0, 1000}};
    struct sigaction action = {.sa_handler = tick};
    furrow_array_options options = {.name = name};
    furrow_array *a;
    struct stat st;

    (void)arg;
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &every_ms, NULL);
    a = furrow_array_new('d', 32 << 20, &options);
    if (!a)
        furrow_perror("under signals");
    child_want(a);
    child_want(stat(path, &st) == 0 && st.st_blocks * INT64_C(512) >= 256 << 20);
    child_want(furrow_array_free(a) == 0);
    return 0;
}

Test(named, signals)
{
    cr_assert_eq(child_run(under_signals, NULL), 0);
}

/* ---- hostile files ----------------------------------------------------------------*/

/* Refused as corrupt, or an array within the file; the heap does not care. */
static void want_harmless(size_t file_size)
{
    furrow_array *a = furrow_array_attach(name);

    if (a) {
        cr_assert(a->ndim >= 1 && a->ndim <= FURROW_MAX_DIMS);
        cr_assert(HEADER + a->len * a->itemsize <= file_size);
        cr_assert_eq(furrow_array_free(a), 0);
    } else {
        cr_assert_eq(furrow_last_error()->code, FURROW_ECORRUPT, "%s",
                     furrow_last_error()->text);
        cr_assert_str_eq(furrow_last_error()->function, "furrow_array_attach");
    }
}

static int open_kept(int type, size_t len)
{
    furrow_array_options options = {
        .name = name, .keep = 1, .ndim = 2, .shape = {len / 4, 4}};
    furrow_array *a = furrow_array_new(type, len, &options);
    int fd = open(path, O_RDWR);

    cr_assert_not_null(a);
    cr_assert(fd >= 0);
    furrow_array_free(a);
    return fd;
}

Test(named, every_byte_of_the_header, .timeout = 60)
{
    int fd = open_kept('d', 40);
    size_t size = HEADER + 320, refused = 0;
    int files = files_now();

    for (off_t at = 0; at < 512; at++)
        for (unsigned flip = 1; flip < 256; flip = flip * 2 + (flip == 64)) {
            unsigned char byte, wrong;

            cr_assert_eq(pread(fd, &byte, 1, at), 1);
            wrong = (unsigned char)(byte ^ flip);
            cr_assert_eq(pwrite(fd, &wrong, 1, at), 1);
            furrow_error_clear();
            want_harmless(size);
            refused += furrow_last_error()->code == FURROW_ECORRUPT;
            cr_assert_eq(pwrite(fd, &byte, 1, at), 1);
        }
    cr_assert(refused >= 300 * 8, "all but the rest of the page: %zu", refused);
    cr_assert_eq(blocks_now(), 0);
    cr_assert_eq(files_now(), files);
    cr_assert_eq(furrow_fsck(), 0);
    close(fd);
}

Test(named, every_length)
{
    int fd = open_kept('d', 40);
    int files = files_now();

    for (off_t size = HEADER + 320; size-- > 0;) {
        cr_assert_eq(ftruncate(fd, size), 0);
        cr_assert_null(furrow_array_attach(name), "%ld", (long)size);
        cr_assert_eq(furrow_last_error()->code, FURROW_ECORRUPT);
    }
    cr_assert_eq(blocks_now(), 0);
    cr_assert_eq(files_now(), files);
    close(fd);
}

/* A forger knows the checksum too. The header is written anew for what it is to claim.
 */
static void forge(int fd, const fw_array_spec *claim, off_t size)
{
    char page[HEADER] = {0};

    fw_named_write(page, claim);
    cr_assert_eq(ftruncate(fd, 0), 0);
    cr_assert_eq(ftruncate(fd, size), 0);
    cr_assert_eq(pwrite(fd, page, sizeof page, 0), (ssize_t)sizeof page);
}

static fw_array_spec claim_of(int type, size_t itemsize, size_t len)
{
    return (fw_array_spec){.view = {.type = type,
                                    .itemsize = itemsize,
                                    .len = len,
                                    .ndim = 1,
                                    .shape = {len}},
                           .format = "",
                           .bytes = itemsize * len};
}

static void want_corrupt(int fd, const fw_array_spec *claim, off_t size)
{
    forge(fd, claim, size);
    cr_assert_null(furrow_array_attach(name));
    cr_assert_eq(furrow_last_error()->code, FURROW_ECORRUPT, "%s",
                 furrow_last_error()->text);
}

Test(named, forged_claims)
{
    int fd = open(path, O_CREAT | O_EXCL | O_RDWR, 0600);
    const size_t lens[] = {501, 1u << 20, SIZE_MAX / 8, SIZE_MAX / 16, SIZE_MAX};
    fw_array_spec good = claim_of('d', 8, 500), bad;
    furrow_array *a;

    forge(fd, &good, HEADER + 4000);
    a = furrow_array_attach(name);
    cr_assert_not_null(a, "the forger knows how");
    cr_assert_eq(furrow_array_free(a), 0);
    for (int i = 0; i < 5; i++) {
        bad = claim_of('d', 8, lens[i]);
        want_corrupt(fd, &bad, HEADER + 4000);
    }
    for (int type = -1; type < 300; type++) {
        bad = good;
        bad.view.type = type;
        forge(fd, &bad, HEADER + 4000);
        want_harmless(HEADER + 4000);
    }
    bad = claim_of('d', 4, 1000);
    want_corrupt(fd, &bad, HEADER + 4000);
    bad = claim_of('d', 0, 1000);
    want_corrupt(fd, &bad, HEADER + 4000);
    bad = claim_of(FURROW_STRUCT, 8, 500);
    want_corrupt(fd, &bad, HEADER + 4000);
    bad.format = "T{d";
    want_corrupt(fd, &bad, HEADER + 4000);
    cr_assert_eq(blocks_now(), 0);
    close(fd);
}

/* The header as bytes, and its checksum (FNV-1a, taken as zero itself). */
enum { BYTES = 312, CHECKSUM_AT = 16, NDIM_AT = 52 };

static void sign(unsigned char *header)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);

    memset(header + CHECKSUM_AT, 0, 8);
    for (int i = 0; i < BYTES; i++)
        hash = (hash ^ header[i]) * UINT64_C(0x100000001b3);
    memcpy(header + CHECKSUM_AT, &hash, 8);
}

/* One field after another with values that are hard to get right. */
Test(named, forged_fields, .timeout = 60)
{
    static const int64_t values[] = {0,
                                     1,
                                     2,
                                     -1,
                                     8,
                                     9,
                                     4095,
                                     4096,
                                     INT32_MAX,
                                     INT32_MIN,
                                     INT64_MAX,
                                     INT64_MIN,
                                     'd',
                                     'T',
                                     500,
                                     (int64_t)1 << 61,
                                     (int64_t)1 << 60,
                                     UINT32_MAX};
    unsigned char good[BYTES], bad[BYTES];
    int fd = open(path, O_CREAT | O_EXCL | O_RDWR, 0600), refused = 0;
    fw_array_spec claim = claim_of('d', 8, 500);

    forge(fd, &claim, HEADER + 4000);
    cr_assert_eq(pread(fd, good, BYTES, 0), BYTES);
    memcpy(bad, good, BYTES);
    sign(bad);
    cr_assert_eq(memcmp(good, bad, BYTES), 0, "the forger knows the checksum");
    for (size_t at = 0; at + 8 <= BYTES; at += 4)
        for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
            memcpy(bad, good, BYTES);
            memcpy(bad + at, &values[i], at >= NDIM_AT - 4 && at <= NDIM_AT ? 4 : 8);
            sign(bad);
            cr_assert_eq(pwrite(fd, bad, BYTES, 0), BYTES);
            furrow_error_clear();
            want_harmless(HEADER + 4000);
            refused += furrow_last_error()->code == FURROW_ECORRUPT;
        }
    cr_assert(refused > 200, "%d", refused);
    cr_assert_eq(blocks_now(), 0);
    cr_assert_eq(furrow_fsck(), 0);
    close(fd);
}

/* Sparse files can be longer than any memory. */
Test(named, forged_size)
{
    int fd = open(path, O_CREAT | O_EXCL | O_RDWR, 0600);
    fw_array_spec claim = claim_of('c', 1, (size_t)1 << 60);
    furrow_array *a;

    if (ftruncate(fd, ((off_t)1 << 60) + HEADER) != 0)
        cr_skip_test("no files so long");
    forge(fd, &claim, ((off_t)1 << 60) + HEADER);
    cr_assert_null(furrow_array_attach(name));
    cr_assert_eq(furrow_last_error()->code, FURROW_ENOMEM);
    claim = claim_of('c', 1, (size_t)1 << 33);
    forge(fd, &claim, ((off_t)1 << 33) + HEADER);
    a = furrow_array_attach(name);
    cr_assert_not_null(a, "%s", furrow_last_error()->text);
    ((char *)a->data)[a->len - 1] = 1;
    cr_assert_eq(furrow_array_free(a), 0);
    cr_assert_eq(blocks_now(), 0);
    close(fd);
}

Test(named, what_is_no_file)
{
    char target[100];

    cr_assert_eq(mkdir(path, 0700), 0);
    cr_assert_null(furrow_array_attach(name));
    rmdir(path);
    cr_assert_eq(mkfifo(path, 0600), 0);
    cr_assert_null(furrow_array_attach(name));
    unlink(path);
    snprintf(target, sizeof target, "%s.target", path);
    close(open_kept('d', 40));
    cr_assert_eq(rename(path, target), 0);
    cr_assert_eq(symlink(target, path), 0);
    cr_assert_null(furrow_array_attach(name));
    cr_assert_eq(furrow_last_error()->os_error, ELOOP);
    cr_assert_eq(unlink(target), 0);
    cr_assert_eq(blocks_now(), 0);
}

/* ---- other users ------------------------------------------------------------------*/

static int as_nobody(void *mode)
{
    furrow_array *a;

    child_want(setgid(65534) == 0 && setuid(65534) == 0);
    a = furrow_array_attach(name);
    if (*(int *)mode == 0600) /* root's alone */
        child_want(!a && furrow_last_error()->os_error == EACCES);
    else
        child_want(a && furrow_array_free(a) == 0);
    return 0;
}

static int as_root(void *unused)
{
    (void)unused;
    child_want(!furrow_array_attach(name));
    child_want(furrow_last_error()->code == FURROW_EOS);
    child_want(furrow_last_error()->os_error == EPERM);
    return 0;
}

Test(named, of_another_user)
{
    int mode = 0600, fd;

    if (geteuid() != 0)
        cr_skip_test("only root is two users");
    fd = open_kept('d', 40);
    cr_assert_eq(child_run(as_nobody, &mode), 0);
    mode = 0666;
    cr_assert_eq(fchmod(fd, 0666), 0);
    cr_assert_eq(child_run(as_nobody, &mode), 0, "root is trusted");
    cr_assert_eq(fchown(fd, 65534, 65534), 0);
    cr_assert_eq(child_run(as_nobody, &mode), 0, "so is oneself");
    cr_assert_eq(child_run(as_root, NULL), 0, "root trusts no other");
    cr_assert_eq(fchown(fd, 12345, 12345), 0);
    cr_assert_eq(child_run(as_root, NULL), 0);
    close(fd);
}

/* ---- while it is read ---------------------------------------------------------------*/

typedef struct forger {
    int fd;
    _Atomic int stop;
    unsigned char header[2][BYTES];
} forger;

static void *be_forger(void *arg)
{
    forger *f = arg;

    for (unsigned k = 0; !f->stop; k++)
        if (pwrite(f->fd, f->header[k % 2], BYTES, 0) != BYTES)
            return f;
    return NULL;
}

static void sign_claim(forger *f, int k, const fw_array_spec *claim)
{
    char page[HEADER] = {0};

    fw_named_write(page, claim);
    memcpy(f->header[k], page, BYTES);
}

/* Two headers in turns, as fast as can be. Each is right by itself, and the file has room
 * for either; half of one and half of the other has no checksum. */
Test(named, a_header_that_changes, .timeout = 60)
{
    int fd = open(path, O_CREAT | O_EXCL | O_RDWR, 0600), whole = 0;
    fw_array_spec one = claim_of('d', 8, 500), other = claim_of('c', 1, 4000);
    forger f = {.fd = fd};
    pthread_t thread;
    void *failed;

    forge(fd, &one, HEADER + 4000);
    sign_claim(&f, 0, &one);
    sign_claim(&f, 1, &other);
    cr_assert_eq(pthread_create(&thread, NULL, be_forger, &f), 0);
    for (int i = 0; i < 3000; i++) {
        furrow_array *a = furrow_array_attach(name);

        if (!a) {
            cr_assert_eq(furrow_last_error()->code, FURROW_ECORRUPT);
            continue;
        }
        whole++;
        cr_assert((a->type == 'd' && a->itemsize == 8 && a->len == 500) ||
                  (a->type == 'c' && a->itemsize == 1 && a->len == 4000));
        cr_assert_eq(furrow_array_free(a), 0);
    }
    f.stop = 1;
    pthread_join(thread, &failed);
    cr_assert_null(failed);
    cr_assert(whole > 0);
    cr_assert_eq(blocks_now(), 0);
    close(fd);
}

static int attach_and_die(void *arg)
{
    furrow_array *a = furrow_array_attach(name), *part;

    child_want(a && (part = furrow_array_slice(a, 0, 1)) != NULL);
    child_want(((double *)part->data)[0] == 3);
    return arg ? raise(SIGKILL) : 0;
}

Test(named, what_a_dead_process_has_attached_is_given_back)
{
    furrow_array *a = create('d', 1000);
    size_t before = blocks_now(),
           size = fw_segment_get()->zone[FW_ZONE_WINDOW].units * FW_LARGE_UNIT * 3 / 4;

    *(double *)a->data = 3;
    for (int k = 0; k < 4; k++) {
        void *all;

        cr_assert_eq(child_run(attach_and_die, k % 2 ? a : NULL),
                     k % 2 ? CHILD_SIGNAL + SIGKILL : 0);
        cr_assert_eq(fw_heap_sweep(), 0);
        cr_assert_eq(blocks_now(), before);
        all = fw_heap_window(size);
        cr_assert_not_null(all, "%s", furrow_last_error()->text);
        cr_assert_eq(fw_heap_free(all), 0);
    }
    cr_assert_eq(furrow_array_free(a), 0);
}

static int take_the_window(void *size)
{
    child_want(fw_heap_window(*(size_t *)size) != NULL);
    return 0;
}

/* Without anybody who sweeps. */
Test(named, a_window_that_a_dead_process_had_makes_room)
{
    size_t size = fw_segment_get()->zone[FW_ZONE_WINDOW].units * FW_LARGE_UNIT * 3 / 4;

    for (int k = 0; k < 3; k++)
        cr_assert_eq(child_run(take_the_window, &size), 0);
}

/* The file loses its elements while it is attached. */
Test(named, cut_short)
{
    int fd = open_kept('d', 4000);
    furrow_array *a = furrow_array_attach(name), *copy;
    furrow_where where;
    char file[] = "/tmp/furrow-cut-XXXXXX";

    cr_assert_not_null(a);
    close(mkstemp(file));
    ((double *)a->data)[3999] = 5;
    cr_assert_eq(ftruncate(fd, HEADER + 100), 0);
    cr_assert_lt(furrow_array_populate(a), 0);
    cr_assert_eq(furrow_npy_save(a, file), FURROW_EOS);
    (void)furrow_array_where(a, &where);
    cr_assert_null(furrow_array_attach(name));
    cr_assert_eq(furrow_last_error()->code, FURROW_ECORRUPT);
    copy = furrow_array_slice(a, 1, 2);
    cr_assert_not_null(copy);
    cr_assert_eq(furrow_array_free(copy), 0);
    cr_assert_eq(furrow_array_free(a), 0);
    cr_assert_eq(blocks_now(), 0);
    unlink(file);
    close(fd);
}

/* ---- the owner dies ---------------------------------------------------------------*/

static int create_and_die(void *arg)
{
    furrow_array_options options = {.name = name};

    (void)arg;
    child_want(furrow_array_new('d', 10, &options));
    raise(SIGKILL);
    return 0;
}

/* Whoever of the family sweeps first, a guard or a relative, the name goes. */
Test(named, a_sweep_takes_the_names_of_the_dead)
{
    cr_assert_not_null(fw_segment_get());
    for (int i = 0; i < 10; i++) {
        cr_assert_eq(child_run(create_and_die, NULL), CHILD_SIGNAL + SIGKILL);
        fw_heap_sweep();
        cr_assert(!exists());
        cr_assert_eq(furrow_fsck(), 0);
    }
}
