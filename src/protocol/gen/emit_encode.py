"""Writes the statements that write C values as wire items.

Handles are written as they are: the renderer puts ids where replies carry handles, the client
uses ids for handles throughout. Items of fixed size are written after one check for room.
"""

from gen.emit_c import length, to_id
from gen.emit_decode import offered
from gen.model import (ELEMENT_SIZE, OUT, PARTIAL, Array, Blob, Fixed, Handle, Null, Pointer,
                       Record, Scalar, String)

PUTS = {'u32': 'cs_put_u32(e, (uint32_t){0})', 'i32': 'cs_put_u32(e, (uint32_t){0})',
        'u8': 'cs_put_u32(e, {0})', 'u16': 'cs_put_u32(e, {0})',
        'char': 'cs_put_u32(e, (uint8_t){0})',
        'u64': 'cs_put_u64(e, {0})', 'i64': 'cs_put_u64(e, (uint64_t){0})',
        'size': 'cs_put_u64(e, {0})', 'f32': 'cs_put_f32(e, {0})', 'f64': 'cs_put_f64(e, {0})'}


class Encoder:
    def __init__(self, model, writer, prefix='vn_encode_'):
        self.model = model
        self.writer = writer
        self.prefix = prefix

    def function(self, name, form):
        return f"{self.prefix}{name}{'_partial' if form == PARTIAL else ''}"

    # ---- bodies --------------------------------------------------------------------------

    def body(self, items, owner, command=None):
        """items: (item, form) pairs. command: the Command whose parameters they are."""
        self.items = command.items if command else [item for item, _ in items]
        self.owner = owner
        self.command = command
        run = []
        for item, form in items:
            if self._run_size(item.node, form) is not None:
                run.append((item, form))
                continue
            self._run(run)
            run = []
            self._loose(item, form)
        self._run(run)

    def _run_size(self, node, form):
        if isinstance(node, (Scalar, Handle)):
            return self.model.fixed_size(node)
        return self.model.fixed_size(node) if form != PARTIAL else None

    def _run(self, run):
        if not run:
            return
        size = sum(self._run_size(item.node, form) for item, form in run)
        self.writer.open(f'if (!cs_room(e, {size}))')
        self.writer.put('return;')
        self.writer.close()
        for item, _ in run:
            self._put(item.node, self.owner + item.name)

    def _put(self, node, value):
        """Unchecked writes of a fixed-size node."""
        writer = self.writer
        if isinstance(node, Scalar):
            writer.put(PUTS[node.wire].format(value) + ';')
        elif isinstance(node, Handle):
            writer.put(f'cs_put_u64(e, {to_id(value)});')
        elif isinstance(node, Fixed):
            writer.put(f'cs_put_u64(e, {node.count});')
            if isinstance(node.element, Scalar):
                size = node.count * ELEMENT_SIZE[node.element.wire]
                writer.put(f'cs_put_bytes(e, {value}, {size});')
            else:
                writer.open(f'for (size_t i = 0; i < {node.count}; i++)')
                self._put(node.element, f'{value}[i]')
                writer.close()
        elif self.model.same_in_memory(node):
            writer.put(f'cs_put_bytes(e, &{value}, {self.model.fixed_size(node)});')
        else:
            for item in self.model.structs[node.c_type].items:
                self._put(item.node, f'{value}.{item.name}')

    # ---- items of varying size -----------------------------------------------------------

    def _loose(self, item, form):
        node, value = item.node, self.owner + item.name
        if isinstance(node, Null):
            self.writer.put('cs_write_u64(e, 0);')
        elif isinstance(node, String):
            self.writer.put(f'cs_write_string(e, {value});')
        elif isinstance(node, Blob):
            count = self._count(item, value)
            if form == PARTIAL:
                self.writer.put(f'cs_write_u64(e, {count});')
            else:
                self.writer.put(f'cs_write_scalars(e, {value}, {count}, 1);')
        elif isinstance(node, Record):
            self._record(item, f'&{value}', form)
        elif isinstance(node, Fixed):
            self._fixed(node, value, form)
        elif isinstance(node, Pointer):
            self._pointer(item, value, form)
        else:
            self._array(item, value, form)

    def _count(self, item, value):
        """How many elements an array has on the wire."""
        count = length(item.node.length, self.items, self.owner)
        if self.command and item.direction == OUT and self.clamp and offered(item):
            count = f'cs_least({count}, {value}_offered)'
        return f'{value} ? {count} : 0'

    clamp = False       # replies: no more elements than the request offered

    def _record(self, item, pointer, form):
        struct = self.model.structs[item.node.c_type]
        if form == PARTIAL and self.model.empty_partial(struct):
            return
        selector = f', {self.owner}{item.member.selector}' if struct.selector_type else ''
        self.writer.put(f'{self.function(struct.name, form)}(e, {pointer}{selector});')

    def _fixed(self, node, value, form):
        writer = self.writer
        writer.put(f'cs_write_u64(e, {node.count});')
        handle = isinstance(node.element, Handle)
        if not handle and form == PARTIAL and self.model.empty_partial(
                self.model.structs[node.element.c_type]):
            return
        writer.open(f'for (size_t i = 0; i < {node.count}; i++)')
        if handle:
            writer.put(f'cs_write_u64(e, {to_id(value + "[i]")});')
        else:
            writer.put(f'{self.function(node.element.c_type, form)}(e, &{value}[i]);')
        writer.close()

    def _pointer(self, item, value, form):
        writer, element = self.writer, item.node.element
        if isinstance(element, Handle):
            writer.put('cs_write_u64(e, 1);')
            writer.put(f'cs_write_u64(e, {value}_id);')
            return
        present = value
        if self.command and self._clamped_count(item):
            self._pointer_to_count(item, value)
            return
        writer.put(f'cs_write_u64(e, {present} != NULL);')
        if form == PARTIAL and (isinstance(element, Scalar) or self.model.empty_partial(
                self.model.structs[element.c_type])):
            return
        writer.open(f'if ({present})')
        if isinstance(element, Scalar):
            writer.open(f'if (cs_room(e, {element.size}))')
            writer.put(PUTS[element.wire].format(f'*{value}') + ';')
            writer.close()
        else:
            writer.put(f'{self.function(element.c_type, form)}(e, {value});')
        writer.close()

    def _clamped_count(self, item):
        """The array whose length a count pointer of a reply is, if any."""
        if not self.clamp:
            return None
        return next((i for i in self.items if offered(i) and i.node.length == '*' + item.name),
                    None)

    def _pointer_to_count(self, item, value):
        array = self.owner + self._clamped_count(item).name
        writer = self.writer
        writer.put(f'cs_write_u64(e, {value} != NULL);')
        writer.open(f'if ({value})')
        count = f'({array} ? cs_least(*{value}, {array}_offered) : *{value})'
        writer.open(f'if (cs_room(e, {item.node.element.size}))')
        writer.put(PUTS[item.node.element.wire].format(count) + ';')
        writer.close()
        writer.close()

    def _array(self, item, value, form):
        writer, element = self.writer, item.node.element
        if self.command and isinstance(element, Handle) and item.direction == OUT:
            ids = value + '_ids'
            count = self._count(item, value).replace(f'{value} ?', f'{ids} ?', 1)
            writer.put(f'cs_write_scalars(e, {ids}, {count}, 8);')
            return
        count = self._count(item, value)
        if isinstance(element, (Scalar, Handle)):
            size = 8 if isinstance(element, Handle) else ELEMENT_SIZE[element.wire]
            if form == PARTIAL:
                writer.put(f'cs_write_u64(e, {count});')
            else:
                writer.put(f'cs_write_scalars(e, {value}, {count}, {size});')
            return
        writer.open('')
        writer.put(f'uint64_t n = {count};')
        writer.put('cs_write_u64(e, n);')
        if isinstance(element, String):
            self._loop('n', f'cs_write_string(e, {value}[i]);')
        elif isinstance(element, Array):
            self._array_of_arrays(element, value)
        elif not (form == PARTIAL
                  and self.model.empty_partial(self.model.structs[element.c_type])):
            self._loop('n', f'{self.function(element.c_type, form)}(e, &{value}[i]);')
        writer.close()

    def _loop(self, count, statement, index='i'):
        self.writer.open(f'for (uint64_t {index} = 0; {index} < {count} && !e->failed; '
                         f'{index}++)')
        self.writer.put(statement)
        self.writer.close()

    def _array_of_arrays(self, inner, value):
        writer, element = self.writer, inner.element
        count = length(inner.length, self.items, self.owner)
        writer.open('for (uint64_t i = 0; i < n && !e->failed; i++)')
        if isinstance(element, Scalar):
            writer.put(f'cs_write_scalars(e, {value}[i], {count}, {ELEMENT_SIZE[element.wire]});')
        else:
            writer.put(f'uint64_t m = {count};')
            writer.put('cs_write_u64(e, m);')
            self._loop('m', f'{self.function(element.c_type, "in")}(e, &{value}[i][j]);', 'j')
        writer.close()

    # ---- unions --------------------------------------------------------------------------

    def union(self, struct, form):
        writer = self.writer
        if not struct.selector_type:
            choice = next(c for c in struct.choices if c.default)
            writer.put(f'cs_write_u32(e, {choice.tags[0]});')
            self.body([(choice.item, form)], 'v->')
            return
        writer.put('cs_write_u32(e, (uint32_t)selector);')
        writer.put('switch (selector) {')
        for choice in struct.choices:
            for tag in choice.tags:
                writer.put(f'case {tag}:')
            writer.depth += 1
            self.body([(choice.item, form)], 'v->')
            writer.put('break;')
            writer.depth -= 1
        writer.put('default:')
        writer.put('    break;')
        writer.put('}')
