/* The context's objects: creation tree, implicit destruction, poison. Runs on a context without
 * threads and a device table whose destructors are counted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "renderer/renderer.h"
#include "venus_tables.h"

/* ---- a device that counts ---------------------------------------------------------------- */

static uint32_t buffers_destroyed, pools_destroyed;
static uint64_t last_buffer;

static VKAPI_ATTR void VKAPI_CALL destroy_buffer(VkDevice device, VkBuffer buffer,
                                                 const VkAllocationCallbacks *pAllocator) {
    (void)device, (void)pAllocator;
    buffers_destroyed++;
    last_buffer = (uint64_t)(uintptr_t)buffer;
}

static VKAPI_ATTR void VKAPI_CALL destroy_pool(VkDevice device, VkCommandPool pool,
                                               const VkAllocationCallbacks *pAllocator) {
    (void)device, (void)pool, (void)pAllocator;
    pools_destroyed++;
}

static struct vn_device_table device_table = {.DestroyBuffer = destroy_buffer,
                                              .DestroyCommandPool = destroy_pool};

/* ---- a stream without a thread ----------------------------------------------------------- */

struct fixture {
    struct renderer_context context;
    struct stream stream;
};

static void begin(struct fixture *f, uint64_t limit) {
    memset(f, 0, sizeof(*f));
    f->context.limits = (struct context_limits){.objects = limit, .command_bytes = 1 << 20};
    assert_int_equal(objects_init(&f->context.objects, limit), 0);
    stream_init(&f->stream, &f->context, NULL);
    id_reader_enter(&f->context.objects.table, &f->stream.reader);
    buffers_destroyed = pools_destroyed = 0;
}

static void end(struct fixture *f) {
    id_reader_leave(&f->stream.reader);
    stream_finish(&f->stream);
    objects_finish(&f->context.objects);
}

/* What is removed makes room at a later change only, once no section can see it. */
static void begin_new_section(struct fixture *f) {
    id_reader_leave(&f->stream.reader);
    id_reader_enter(&f->context.objects.table, &f->stream.reader);
}

static struct vn_object *reserve(struct fixture *f, VkObjectType type, uint64_t id,
                                 struct vn_object *parent) {
    return object_reserve(&f->stream, type, id, sizeof(struct vn_object), parent, &device_table,
                          "pObject");
}

static struct vn_object *make(struct fixture *f, VkObjectType type, uint64_t id,
                              struct vn_object *parent) {
    struct vn_object *object = reserve(f, type, id, parent);
    assert_non_null(object);
    vn_object_publish(&f->stream.base, object, id * 100, VK_SUCCESS);
    return object;
}

static bool exists(struct fixture *f, uint64_t id) {
    return id_table_find(&f->context.objects.table, id) != NULL;
}

static void assert_refused(struct fixture *f, const char *reason) {
    struct cs_decoder *d = &f->stream.base.decoder;
    assert_true(d->failed);
    assert_string_equal(d->argument, "pObject");
    assert_string_equal(d->reason, reason);
    d->failed = false;
}

/* ---- tests ------------------------------------------------------------------------------- */

static void test_ids_are_unique_and_counted(void **state) {
    (void)state;
    struct fixture f;
    begin(&f, 2);
    struct vn_object *first = make(&f, VK_OBJECT_TYPE_BUFFER, 1, NULL);
    assert_null(reserve(&f, VK_OBJECT_TYPE_BUFFER, 1, NULL));
    assert_refused(&f, "the id of the new object is in use");
    assert_null(reserve(&f, VK_OBJECT_TYPE_BUFFER, 0, NULL));
    assert_refused(&f, "the id of the new object is 0");
    make(&f, VK_OBJECT_TYPE_BUFFER, UINT64_MAX, NULL);
    assert_null(reserve(&f, VK_OBJECT_TYPE_BUFFER, 3, NULL));
    assert_refused(&f, "the context holds as many objects as its limit allows (--max-objects)");
    vn_object_destroy(&f.stream.base, first);
    assert_int_equal(last_buffer, 100);
    begin_new_section(&f);
    make(&f, VK_OBJECT_TYPE_BUFFER, 3, NULL);
    end(&f);
}

static void test_children_go_with_their_parent(void **state) {
    (void)state;
    struct fixture f;
    begin(&f, 100);
    struct vn_object *root = make(&f, VK_OBJECT_TYPE_UNKNOWN, 1, NULL);
    struct vn_object *pool = make(&f, VK_OBJECT_TYPE_COMMAND_POOL, 2, root);
    for (uint64_t id = 10; id < 20; id++) {
        make(&f, VK_OBJECT_TYPE_BUFFER, id, root);
        make(&f, VK_OBJECT_TYPE_COMMAND_BUFFER, id + 10, pool);
    }
    assert_true(object_take(&f.context.objects, root));
    assert_int_equal(buffers_destroyed, 10);
    assert_int_equal(pools_destroyed, 1); /* its command buffers go with it, on the host, too */
    for (uint64_t id = 1; id < 30; id++) {
        assert_false(exists(&f, id));
    }
    assert_false(object_take(&f.context.objects, root)); /* once */
    assert_null(reserve(&f, VK_OBJECT_TYPE_BUFFER, 40, root));
    assert_refused(&f, "the parent of the new object is being destroyed");
    assert_false(exists(&f, 40));
    end(&f);
}

static void test_siblings_stay_linked(void **state) {
    (void)state;
    struct fixture f;
    begin(&f, 100);
    struct vn_object *root = make(&f, VK_OBJECT_TYPE_UNKNOWN, 1, NULL);
    struct vn_object *children[9];
    for (uint64_t i = 0; i < 9; i++) {
        children[i] = make(&f, VK_OBJECT_TYPE_BUFFER, 10 + i, root);
    }
    static const int order[] = {4, 0, 8, 3, 5}; /* middle, first, last, neighbours */
    for (int i = 0; i < 5; i++) {
        vn_object_destroy(&f.stream.base, children[order[i]]);
        assert_int_equal(last_buffer, (10 + (uint64_t)order[i]) * 100);
    }
    assert_int_equal(buffers_destroyed, 5);
    vn_object_destroy(&f.stream.base, NULL);
    assert_true(object_take(&f.context.objects, root));
    assert_int_equal(buffers_destroyed, 9);
    end(&f);
}

static void test_children_of_one_type_are_dropped(void **state) {
    (void)state;
    struct fixture f;
    begin(&f, 100);
    struct vn_object *pool = make(&f, VK_OBJECT_TYPE_UNKNOWN, 1, NULL);
    for (uint64_t id = 10; id < 20; id += 2) {
        make(&f, VK_OBJECT_TYPE_DESCRIPTOR_SET, id, pool);
        make(&f, VK_OBJECT_TYPE_BUFFER, id + 1, pool);
    }
    object_drop_children(&f.context.objects, pool, VK_OBJECT_TYPE_DESCRIPTOR_SET);
    for (uint64_t id = 10; id < 20; id++) {
        assert_int_equal(exists(&f, id), id % 2);
    }
    assert_int_equal(buffers_destroyed, 0);
    make(&f, VK_OBJECT_TYPE_DESCRIPTOR_SET, 10, pool); /* it takes new ones */
    end(&f);
}

static void count_child(struct vn_object *child, void *user) {
    *(uint64_t *)user += child->entry.id;
}

static void test_direct_children_are_visited(void **state) {
    (void)state;
    struct fixture f;
    begin(&f, 100);
    struct vn_object *root = make(&f, VK_OBJECT_TYPE_UNKNOWN, 1, NULL);
    struct vn_object *pool = make(&f, VK_OBJECT_TYPE_COMMAND_POOL, 2, root);
    make(&f, VK_OBJECT_TYPE_COMMAND_BUFFER, 1000, pool);
    make(&f, VK_OBJECT_TYPE_BUFFER, 40, root);
    uint64_t sum = 0;
    object_for_each_child(&f.context.objects, root, count_child, &sum);
    assert_int_equal(sum, 42);
    end(&f);
}

/* ---- creations that fail ----------------------------------------------------------------- */

static void test_an_object_is_not_ready_until_it_is_published(void **state) {
    (void)state;
    struct fixture f;
    begin(&f, 100);
    struct vn_object *object = reserve(&f, VK_OBJECT_TYPE_BUFFER, 1, NULL);
    assert_int_equal(object_get_poison(object), VK_NOT_READY);
    vn_object_publish(&f.stream.base, object, 5, VK_SUCCESS);
    assert_int_equal(object_get_poison(object), VK_SUCCESS);
    assert_int_equal(vn_object_handle(object), 5);
    end(&f);
}

static void test_a_failure_poisons_or_is_forgotten(void **state) {
    (void)state;
    struct fixture f;
    begin(&f, 100);
    struct vn_object *object = reserve(&f, VK_OBJECT_TYPE_BUFFER, 1, NULL);
    vn_object_publish(&f.stream.base, object, 0, VK_ERROR_OUT_OF_HOST_MEMORY);
    assert_int_equal(object_get_poison(object), VK_ERROR_OUT_OF_HOST_MEMORY);
    vn_object_destroy(&f.stream.base, object);
    assert_int_equal(buffers_destroyed, 0); /* the host has none */

    /* A driver that reports success and gives nothing. */
    object = reserve(&f, VK_OBJECT_TYPE_BUFFER, 2, NULL);
    vn_object_publish(&f.stream.base, object, 0, VK_SUCCESS);
    assert_int_equal(object_get_poison(object), VK_ERROR_UNKNOWN);

    f.stream.base.decoder.reply_wanted = true;
    object = reserve(&f, VK_OBJECT_TYPE_BUFFER, 3, NULL);
    vn_object_publish(&f.stream.base, object, 0, VK_ERROR_OUT_OF_HOST_MEMORY);
    assert_false(exists(&f, 3));
    end(&f);
}

static void test_an_array_is_published_element_by_element(void **state) {
    (void)state;
    struct fixture f;
    begin(&f, 100);
    const uint64_t handles[3] = {7, 0, 9};
    for (int reply = 0; reply < 2; reply++) {
        struct vn_object *objects[3];
        for (uint64_t i = 0; i < 3; i++) {
            objects[i] = reserve(&f, VK_OBJECT_TYPE_BUFFER, 10 * (uint64_t)reply + 1 + i, NULL);
        }
        f.stream.base.decoder.reply_wanted = reply;
        objects_publish_array(&f.stream.base, objects, handles, 3, VK_ERROR_OUT_OF_POOL_MEMORY);
        assert_int_equal(object_get_poison(objects[0]), VK_SUCCESS);
        assert_int_equal(vn_object_handle(objects[2]), 9);
        assert_int_equal(exists(&f, 10 * (uint64_t)reply + 2), !reply);
    }
    assert_int_equal(
        object_get_poison((struct vn_object *)id_table_find(&f.context.objects.table, 2)),
        VK_ERROR_OUT_OF_POOL_MEMORY);
    end(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ids_are_unique_and_counted),
        cmocka_unit_test(test_children_go_with_their_parent),
        cmocka_unit_test(test_siblings_stay_linked),
        cmocka_unit_test(test_children_of_one_type_are_dropped),
        cmocka_unit_test(test_direct_children_are_visited),
        cmocka_unit_test(test_an_object_is_not_ready_until_it_is_published),
        cmocka_unit_test(test_a_failure_poisons_or_is_forgotten),
        cmocka_unit_test(test_an_array_is_published_element_by_element),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
