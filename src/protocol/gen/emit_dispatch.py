"""venus_dispatch.c and venus_handlers.h: from a command id to the host driver.

A command is served in one of these ways:

    plain     decode, call the driver, reply
    create    plain, for one new object: the id is reserved before the call
    destroy   the object is destroyed by the renderer, poisoned or not
    custom    decode, call the renderer's handler, reply
    refuse    an error
"""

from gen.emit_c import Writer, header, length, source, table_member, to_id
from gen.emit_tables import DEVICE_LEVEL, table_commands
from gen.model import IN, OUT, Array, Handle, ModelError, Null, Pointer


def new_ids(command):
    """Output parameters that name new objects."""
    return [item for item in command.items if item.direction == OUT
            and isinstance(item.node, (Pointer, Array))
            and isinstance(item.node.element, Handle)]


def _shape(command):
    """Parameter kinds, for recognising creations and destructions."""
    return [type(item.node).__name__ for item in command.items]


def is_create(command):
    return (command.name.startswith('vkCreate') and command.result == 'VkResult'
            and _shape(command) == ['Handle', 'Pointer', 'Null', 'Pointer']
            and command.items[0].node.c_type == 'VkDevice'
            and len(new_ids(command)) == 1)


def is_destroy(command):
    return (command.result == 'void' and _shape(command) == ['Handle', 'Handle', 'Null']
            and command.items[0].node.c_type == 'VkDevice')


def kind(model, command):
    rules = model.rules
    if command.name in rules.refuse:
        return 'refuse'
    if command.name in rules.custom:
        return 'custom'
    if is_create(command):
        return 'create'
    if is_destroy(command):
        return 'destroy'
    if new_ids(command):
        raise ModelError(f'{command.name} makes objects in a way that needs a handler')
    if not isinstance(command.items[0].node, Handle):
        raise ModelError(f'{command.name} has no handle to find its function by')
    return 'plain'


class DispatchEmitter:
    def __init__(self, model):
        self.model = model
        self.writer = Writer()
        self.levels = table_commands(model)

    def command(self, command):
        how = kind(self.model, command)
        if how == 'refuse':
            return
        writer = self.writer
        writer.open(f'static void dispatch_{command.name}(struct vn_stream *s, bool reply)')
        writer.put('struct cs_decoder *d = &s->decoder;')
        writer.put(f'struct vn_{command.name} a;')
        writer.put(f'vn_decode_{command.name}(d, &a);')
        writer.open('if (d->failed)')
        writer.put('return;')
        writer.close()
        self._first_handle(command)
        getattr(self, '_' + how)(command)
        self._finish(command)
        writer.close()
        writer.put()

    # ---- parts ---------------------------------------------------------------------------

    def _first_handle(self, command):
        """The first handle says whose function is called. It may be NULL only for the
        destruction of nothing (decoding has refused it elsewhere)."""
        first = command.items[0]
        if not isinstance(first.node, Handle) or not first.node.optional:
            return
        writer = self.writer
        writer.open(f'if (!a.{first.name}_object)')
        writer.open('if (reply)')
        self._write_reply(command)
        writer.close()
        writer.put('return;')
        writer.close()

    def _function(self, command):
        """Declares `t`, the table, and checks that the driver has the function."""
        writer, first = self.writer, command.items[0]
        if first.node.c_type in DEVICE_LEVEL:
            writer.put(f'const struct vn_device_table *t = a.{first.name}_object->vk;')
        else:
            writer.put('const struct vn_instance_table *t = s->instance;')
        writer.open(f'if (!t || !t->{table_member(command.name)})')
        writer.put('cs_fail(d, NULL, "the host driver does not provide this command");')
        writer.put('return;')
        writer.close()

    def _call(self, command):
        arguments = ', '.join('NULL' if isinstance(item.node, Null) else f'a.{item.name}'
                              for item in command.items)
        result = 'a.ret = ' if command.result != 'void' else ''
        self.writer.put(f'{result}t->{table_member(command.name)}({arguments});')

    def _poisoned(self, command):
        """What happens instead of the call where a poisoned object was named."""
        if command.result == 'VkResult':
            self.writer.put('a.ret = poison_result(d);')
        if command.name.startswith('vkCmd'):
            self.writer.put(f'vn_command_buffer_poison(s, a.{command.items[0].name}_object, '
                            'poison_result(d));')

    def _open_unpoisoned(self, command):
        writer = self.writer
        writer.open('if (CS_UNLIKELY(d->poison != NULL))')
        self._poisoned(command)
        writer.reopen('} else {')

    def _plain(self, command):
        self._open_unpoisoned(command)
        self._function(command)
        self._call(command)
        self.writer.close()

    def _create(self, command):
        writer = self.writer
        device, output = command.items[0], new_ids(command)[0]
        writer.put('uint64_t handle = 0;')
        writer.put(f'struct vn_object *object = vn_object_reserve(s, '
                   f'{output.node.element.object_type}, a.{output.name}_id, '
                   f'a.{device.name}_object, "{output.name}");')
        writer.open('if (!object)')
        writer.put('return;')
        writer.close()
        writer.open('if (CS_UNLIKELY(d->poison != NULL))')
        writer.put('a.ret = poison_result(d);')
        writer.reopen('} else {')
        member = table_member(command.name)
        writer.put(f'const struct vn_device_table *t = a.{device.name}_object->vk;')
        writer.open(f'if (t && t->{member})')
        self._call(command)
        writer.put(f'handle = {to_id("*a." + output.name)};')
        writer.reopen('} else {')
        writer.put('a.ret = VK_ERROR_EXTENSION_NOT_PRESENT;')
        writer.put('cs_fail(d, NULL, "the host driver does not provide this command");')
        writer.close()
        writer.close()
        writer.put('vn_object_publish(s, object, a.ret >= 0 ? handle : 0, a.ret);')

    def _destroy(self, command):
        self.writer.put(f'vn_object_destroy(s, a.{command.items[1].name}_object);')

    def _custom(self, command):
        writer = self.writer
        handler = f'vn_handle_{command.name}(s, &a);'
        first = command.items[0]
        if (command.name in self.model.rules.poison_handler
                or not self._names_objects(command)):
            writer.put(handler)
            return
        writer.open('if (CS_UNLIKELY(d->poison != NULL))')
        self._poisoned(command)
        for output in new_ids(command):
            if not command.name.startswith('vkEnumerate'):
                self._poison_new(command, output, first)
        writer.reopen('} else {')
        writer.put(handler)
        writer.close()

    def _names_objects(self, command):
        return any(self.model.has_handle(item.node) for item in command.items
                   if item.direction == IN)

    def _poison_new(self, command, output, parent):
        """Enters the ids of a skipped creation as poisoned objects."""
        arguments = (f'{output.node.element.object_type}, {{}}, a.{parent.name}_object, '
                     f'"{output.name}"')
        if isinstance(output.node, Pointer):
            self.writer.put(f'poison_new(s, {arguments.format(f"a.{output.name}_id")});')
            return
        count = length(output.node.length, command.items, 'a.')
        self.writer.open(f'for (uint64_t i = 0; a.{output.name}_ids && i < {count}; i++)')
        self.writer.put(f'poison_new(s, {arguments.format(f"a.{output.name}_ids[i]")});')
        self.writer.close()

    def _write_reply(self, command):
        writer = self.writer
        writer.open('if (vn_reply_begin(s))')
        writer.put(f'vn_encode_{command.name}_reply(&s->encoder, &a);')
        writer.put('vn_reply_end(s);')
        writer.close()

    def _finish(self, command):
        writer = self.writer
        writer.open('if (reply && !d->failed)')
        self._write_reply(command)
        writer.close()
        if command.name in self.model.rules.device_loss:
            writer.open('if (!reply && a.ret == VK_ERROR_DEVICE_LOST)')
            writer.put('cs_fail(d, NULL, "VK_ERROR_DEVICE_LOST");')
            writer.close()


PRELUDE = '''\
typedef void (*dispatch_function)(struct vn_stream *s, bool reply);

static inline VkResult poison_result(const struct cs_decoder *d) {
    return (VkResult)atomic_load_explicit(&d->poison->poison, memory_order_acquire);
}

/* Enters the id of a creation that was skipped. */
static inline void poison_new(struct vn_stream *s, VkObjectType type, uint64_t id,
                              struct vn_object *parent, const char *argument) {
    struct vn_object *object = vn_object_reserve(s, type, id, parent, argument);
    if (object) {
        vn_object_publish(s, object, 0, poison_result(&s->decoder));
    }
}

'''

DISPATCH = '''\
void vn_dispatch(struct vn_stream *s) {
    struct cs_decoder *d = &s->decoder;
    struct cs_arena_mark mark = cs_arena_get_mark(d->arena);
    d->vk = NULL;
    d->poison = NULL;
    d->pool = NULL;
    d->argument = NULL;
    d->command = UINT32_MAX;
    d->command_start = d->cursor;
    if (!cs_need(d, 8, NULL)) {
        return;
    }
    uint32_t command = cs_load_u32(d);
    uint32_t flags = cs_load_u32(d);
    d->command = command;
    dispatch_function function =
        command < sizeof(functions) / sizeof(functions[0]) ? functions[command] : NULL;
    if (!function) {
        cs_fail(d, NULL, "this command is not served");
        return;
    }
    if (flags > 1) {
        cs_fail(d, NULL, "the command has unknown flags");
        return;
    }
    d->reply_wanted = flags == 1;
    function(s, d->reply_wanted);
    cs_arena_rewind(d->arena, &mark);
}
'''

DECODE_ONLY = '''
void vn_decode_only(struct cs_decoder *d) {
    switch (d->command) {
%s    default:
        break;
    }
}
'''


def decode_only(model):
    """Decoding without execution, for commands whose failure concerns objects that the handler
    does not see (rules.toml, `decode_only`)."""
    cases = ''
    for command in model.commands:
        if command.name in model.rules.decode_only:
            cases += (f'    case {command.id}: {{\n        struct vn_{command.name} a;\n'
                      f'        vn_decode_{command.name}(d, &a);\n        break;\n    }}\n')
    return DECODE_ONLY % cases


def emit(model):
    emitter = DispatchEmitter(model)
    for command in model.commands:
        emitter.command(command)
    served = [c for c in model.commands if kind(model, c) != 'refuse']
    table = (f'static const dispatch_function functions[{model.rules.commands[-1].id + 1}] = {{\n'
             + ''.join(f'    [{c.id}] = dispatch_{c.name},\n' for c in served) + '};\n\n')
    custom = [c.name for c in served if kind(model, c) == 'custom']
    handlers = '\n'.join(f'void vn_handle_{name}(struct vn_stream *s, struct vn_{name} *a);'
                         for name in custom)
    handlers += ('\n\n/* X(command) for each of them: for tests that need them all. */\n'
                 '#define VN_FOR_EACH_HANDLER(X) \\\n'
                 + ' \\\n'.join(f'    X({name})' for name in custom))
    head = (
        '/* Handlers that the renderer implements: they carry out the command and fill outputs\n'
        ' * and a->ret, or fail the decoder. They are not called if a poisoned object was named,\n'
        ' * except those that rules.toml lists. On the stream\'s thread. */\n' + handlers + '\n')
    return {
        'venus_handlers.h': header('VENUS_HANDLERS_H', ['"protocol/stream.h"',
                                                        '"venus_commands.h"'], head),
        'venus_dispatch.c': source(
            ['"protocol/stream.h"', '"venus_commands.h"', '"venus_handlers.h"',
             '"venus_tables.h"'],
            PRELUDE + emitter.writer.text() + table + DISPATCH + decode_only(model)),
    }
