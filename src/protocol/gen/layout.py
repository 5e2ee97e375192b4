"""Writes the model in a readable notation, one line per command direction and struct form.

    name:u32 | ...              items in wire order, separated by |
    id(T), newid(T)             u64 object id; newid: chosen by the sender
    ptr!{X}, ptr?{X}            presence and pointee; ? may be NULL
    ptr-NULL{}                  can only be NULL
    array![n]{X}, array?[n]{X}  u64 count, then elements; {} = count only; {blob} = bytes
    fixed[N]{X}                 u64 N, then N elements
    string, size                u64 length and bytes; u64
    VkFoo, VkFoo/partial        nested struct
"""

from gen.model import (IN, OUT, PARTIAL, Array, Blob, Fixed, Handle, Null, Pointer, Record, Scalar,
                       String)


def node_text(model, node, form):
    if isinstance(node, Scalar):
        return node.wire
    if isinstance(node, Handle):
        return f"{'id' if form == IN else 'newid'}({node.c_type[2:]})"
    if isinstance(node, Record):
        return node.c_type + ('/partial' if form == PARTIAL else '')
    if isinstance(node, Fixed):
        return f'fixed[{node.dimension}]{{{node_text(model, node.element, form)}}}'
    if isinstance(node, Null):
        return 'ptr-NULL{}'
    if isinstance(node, String):
        return 'string'
    mark = '?' if node.optional else '!'
    if isinstance(node, Blob):
        return f"array{mark}[{node.length}]{{{'' if form == PARTIAL else 'blob'}}}"
    inner = _pointee_text(model, node.element, form)
    if isinstance(node, Pointer):
        return f'ptr{mark}{{{inner}}}'
    return f'array{mark}[{node.length}]{{{inner}}}'


def _pointee_text(model, node, form):
    if form == PARTIAL and isinstance(node, Scalar):
        return ''
    if isinstance(node, Array):
        return f'fixed[{node.length}]{{{_pointee_text(model, node.element, form)}}}'
    return node_text(model, node, form)


def _items_text(model, items):
    """items: (item, form) pairs."""
    return ' | '.join(f'{item.name}:{node_text(model, item.node, form)}'
                      for item, form in items) or '-'


def result_wire(model, command):
    """The wire type of the return value, or None."""
    if command.result == 'void':
        return None
    registry = model.registry
    if command.result in registry.enums and command.result not in registry.bitmasks:
        return 'i32'
    base = registry.basetypes.get(command.result, command.result)
    return {'uint32_t': 'u32', 'uint64_t': 'u64', 'size_t': 'size'}[base]


def request_items(command):
    return [(item, PARTIAL if item.direction == OUT else IN) for item in command.items]


def reply_items(command):
    return [(item, OUT) for item in command.items if item.direction != IN]


def command_lines(model, command):
    reply = _items_text(model, reply_items(command))
    wire = result_wire(model, command)
    if wire:
        reply = f'ret:{wire}' + ('' if reply == '-' else f' | {reply}')
    return [f'{command.id} {command.name}',
            f'  request {_items_text(model, request_items(command))}',
            f'  reply   {reply}']


def struct_lines(model, struct):
    lines = []
    for form in (IN, PARTIAL, OUT):
        if form in struct.forms | struct.body_forms:
            items = [(item, form) for item in model.items_of(struct, form)]
            chain = ' chain' if struct.stype else ''
            lines.append(f'{struct.name} /{form}{chain}: {_items_text(model, items)}')
    return lines


def lines(model):
    result = []
    for command in model.commands:
        result += command_lines(model, command)
    result += ['', '# structs']
    for name in sorted(model.structs):
        struct = model.structs[name]
        if not struct.union:
            result += struct_lines(model, struct)
    return result
