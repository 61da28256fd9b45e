/* An allocator that shows wrong use of memory: `make fenced` puts it in front of the C library's (Linux, glibc).
 *
 * Every block has a header with its size and a fence behind it. New memory is filled with 0xA5 and freed memory with
 * 0xDD, so that what is read too early or too late is seen in the results; a fence that was written to, a block that is
 * freed twice or is none of ours ends the process. Memory that Numba's own code reads after it has freed it (fields of
 * a record of an array whose last use that is) is seen as well: those programs fail here and nowhere else.
 */
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern void *__libc_malloc(size_t);
extern void *__libc_memalign(size_t, size_t);
extern void __libc_free(void *);

typedef struct {
    uint64_t magic;
    size_t size;
    void *raw;
    uint64_t inverse;
} Header;

enum { FENCE = 64, NEW = 0xA5, FREED = 0xDD, FENCED = 0xBB };
static const uint64_t MAGIC = 0xC0FFEE1234ABCDEFull;

static void die(const char *message) {
    if (write(2, message, strlen(message)) < 0) abort();
    abort();
}

static void *make(size_t size, size_t alignment) {
    if (alignment < 16) alignment = 16;
    size_t front = (sizeof(Header) + alignment - 1) / alignment * alignment;
    char *raw = alignment == 16 ? __libc_malloc(front + size + FENCE) : __libc_memalign(alignment, front + size + FENCE);
    if (raw == NULL) {
        errno = ENOMEM;
        return NULL;
    }
    char *block = raw + front;
    *((Header *)block - 1) = (Header){MAGIC, size, raw, ~MAGIC};
    memset(block, NEW, size);
    memset(block + size, FENCED, FENCE);
    return block;
}

static Header *checked(void *block) {
    Header *header = (Header *)block - 1;
    if (header->magic != MAGIC || header->inverse != ~MAGIC) die("fence: freed twice, not a block, or written in front\n");
    unsigned char *fence = (unsigned char *)block + header->size;
    for (int i = 0; i < FENCE; i++)
        if (fence[i] != FENCED) die("fence: written behind a block\n");
    return header;
}

void *malloc(size_t size) { return make(size, 16); }
void *memalign(size_t alignment, size_t size) { return make(size, alignment); }
void *aligned_alloc(size_t alignment, size_t size) { return make(size, alignment); }
void *valloc(size_t size) { return make(size, 4096); }
size_t malloc_usable_size(void *block) { return block == NULL ? 0 : ((Header *)block - 1)->size; }

void free(void *block) {
    if (block == NULL) return;
    Header *header = checked(block);
    void *raw = header->raw;
    memset(block, FREED, header->size);
    header->magic = 0;
    __libc_free(raw);
}

void *calloc(size_t count, size_t size) {
    size_t total;
    if (__builtin_mul_overflow(count, size, &total)) {
        errno = ENOMEM;
        return NULL;
    }
    void *block = make(total, 16);
    return block == NULL ? NULL : memset(block, 0, total);
}

void *realloc(void *block, size_t size) {
    if (block == NULL) return malloc(size);
    if (size == 0) {
        free(block);
        return NULL;
    }
    Header *header = checked(block);
    void *moved = malloc(size);
    if (moved == NULL) return NULL;
    memcpy(moved, block, header->size < size ? header->size : size);
    free(block);
    return moved;
}

int posix_memalign(void **place, size_t alignment, size_t size) {
    void *block = make(size, alignment);
    if (block == NULL) return ENOMEM;
    *place = block;
    return 0;
}
