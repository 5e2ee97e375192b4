"""venus_commands.h and .c: arguments of every command, request decoders and reply encoders."""

import re

from gen.emit_c import Writer, header, source
from gen.emit_decode import Decoder, offered
from gen.emit_encode import PUTS, Encoder
from gen.layout import reply_items, request_items, result_wire
from gen.model import IN, Array, Fixed, Handle, Pointer


def _declaration(item):
    text = item.member.declaration
    if isinstance(item.node, Fixed) or item.member.pointers == 0:
        text = re.sub(r'^const ', '', text)
    return text + ';'


def _extra_members(item):
    """Members of an argument struct that belong to one parameter."""
    node, name = item.node, item.name
    if isinstance(node, Handle):
        return [f'struct vn_object *{name}_object;']
    element = node.element if isinstance(node, (Pointer, Array)) else None
    lines = []
    if isinstance(element, Handle) and item.direction == IN:
        lines.append(f'struct vn_object **{name}_objects;')
    elif isinstance(element, Handle) and isinstance(node, Pointer):
        lines.append(f'uint64_t {name}_id;')
    elif isinstance(element, Handle):
        lines.append(f'uint64_t *{name}_ids;')
    if offered(item):
        lines.append(f'uint64_t {name}_offered;')
    return lines


def argument_struct(command):
    lines = [f'struct vn_{command.name} {{']
    for item in command.items:
        lines.append('    ' + _declaration(item))
        lines += ['    ' + line for line in _extra_members(item)]
    if command.result != 'void':
        lines.append(f'    {command.result} ret;')
    return '\n'.join(lines + ['};']) + '\n'


def emit_decode(model, writer, command):
    writer.open_function(f'void vn_decode_{command.name}(struct cs_decoder *d, '
                f'struct vn_{command.name} *a)')
    Decoder(model, writer).body(request_items(command), 'a->', lambda name: name, command=command)
    if command.result != 'void':
        writer.put('a->ret = 0;')
    if command.name in model.rules.check_commands:
        writer.open('if (!d->failed)')
        writer.put(f'vn_check_{command.name}(d, a);')
        writer.close()
    writer.close_function('a')


def emit_reply_encode(model, writer, command):
    writer.open_function(f'void vn_encode_{command.name}_reply(struct cs_encoder *e, '
                f'const struct vn_{command.name} *a)')
    wire = result_wire(model, command)
    items = reply_items(command)
    writer.put(f'cs_write_u32(e, {command.id});')
    if wire:
        writer.open(f'if (cs_room(e, {4 if wire in ("i32", "u32") else 8}))')
        writer.put(PUTS[wire].format('a->ret') + ';')
        writer.close()
    encoder = Encoder(model, writer)
    encoder.clamp = True
    encoder.body(items, 'a->', command=command)
    writer.close_function('a')


def _names(model):
    entries = model.rules.commands
    lines = [f'static const char *const names[{entries[-1].id + 1}] = {{']
    for entry in entries:
        lines.append(f'    [{entry.id}] = "{entry.name}",')
    lines += ['};', '', 'const char *vn_command_name(uint32_t command) {',
              f'    const char *name = command <= {entries[-1].id} ? names[command] : NULL;',
              '    return name ? name : "unknown command";', '}']
    return '\n'.join(lines) + '\n'


def emit(model):
    writer = Writer()
    for command in model.commands:
        emit_decode(model, writer, command)
        emit_reply_encode(model, writer, command)
    ids = '\n'.join(f'    VN_COMMAND_{c.name} = {c.id},' for c in model.commands)
    prototypes = '\n'.join(
        f'void vn_decode_{c.name}(struct cs_decoder *d, struct vn_{c.name} *a);\n'
        f'void vn_encode_{c.name}_reply(struct cs_encoder *e, const struct vn_{c.name} *a);'
        for c in model.commands)
    checks = '\n'.join(f'void vn_check_{name}(struct cs_decoder *d, struct vn_{name} *a);'
                       for name in sorted(model.rules.check_commands)
                       if any(c.name == name for c in model.commands))
    head = (
        '/* Arguments of one command: a member per parameter, handles being host handles. Besides:\n'
        ' *   x_object    the object behind a handle, NULL for id 0\n'
        ' *   x_objects   the objects behind an array of handles, NULL for a NULL array\n'
        ' *   x_id, x_ids ids for new objects; the parameter itself is zero-filled for the driver\n'
        ' *   x_offered   elements of an output array whose count the driver may lower\n'
        ' *   ret         the result, 0 after decoding\n'
        ' * Everything behind pointers lives until the command ends. */\n\n'
        'enum vn_command {\n' + ids + '\n};\n\n'
        + '\n'.join(argument_struct(c) for c in model.commands)
        + '\n/* vn_decode_…: reads the parameters of a request; the members are valid if the\n'
        ' * decoder has not failed. vn_encode_…_reply: writes a reply, command id first. */\n'
        + prototypes + '\n\n/* Written by hand in checks.c. */\n' + checks + '\n')
    return {
        'venus_commands.h': header('VENUS_COMMANDS_H', ['"protocol/cs.h"', '"venus_mesa.h"'],
                                   head),
        'venus_commands.c': source(['"venus_commands.h"', '"protocol/stream.h"',
                                    '"venus_flat.h"', '"venus_structs.h"'],
                                   writer.text() + _names(model)),
    }
