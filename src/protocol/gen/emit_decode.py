"""Writes the statements that read wire items into C values.

Items of fixed size that follow each other form a run: one bounds check, then unchecked loads.
Nothing inside a run may fail, because a failure moves the position to the end: ids are looked up
and declared dimensions compared after the run.
"""

from gen.emit_c import from_id, length
from gen.model import (ELEMENT_SIZE, OUT, PARTIAL, Array, Blob, Fixed, Handle, Null, Pointer,
                       Record, Scalar, String)

LOADS = {'u32': 'cs_load_u32(d)', 'i32': 'cs_load_u32(d)', 'u8': 'cs_load_u32(d)',
         'u16': 'cs_load_u32(d)', 'char': 'cs_load_u32(d)', 'u64': 'cs_load_u64(d)',
         'i64': 'cs_load_u64(d)', 'size': 'cs_load_u64(d)', 'f32': 'cs_load_f32(d)',
         'f64': 'cs_load_f64(d)'}


def load(scalar):
    """The C expression that loads one scalar without a check."""
    plain = scalar.c_type in ('uint32_t', 'uint64_t', 'float', 'double')
    return LOADS[scalar.wire] if plain else f'({scalar.c_type}){LOADS[scalar.wire]}'


class Decoder:
    """raw: handles are the ids themselves (replies read by the client)."""

    def __init__(self, model, writer, raw=False, prefix='vn_decode_'):
        self.model = model
        self.writer = writer
        self.raw = raw
        self.prefix = prefix

    def function(self, name, form):
        return f"{self.prefix}{name}{'_partial' if form == PARTIAL else ''}"

    # ---- bodies --------------------------------------------------------------------------

    def body(self, items, owner, label, command=None):
        """items: (item, form) pairs. label: name -> text for messages. command: the Command
        whose parameters they are."""
        self.items = command.items if command else [item for item, _ in items]
        self.owner = owner
        self.label = label
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
        """Wire bytes of an item that may be part of a run, else None."""
        if isinstance(node, (Scalar, Handle)):
            return self.model.fixed_size(node)
        if form != PARTIAL and self.model.flat(node):
            return self.model.fixed_size(node)
        return None

    def _run(self, run):
        if not run:
            return
        writer = self.writer
        size = sum(self._run_size(item.node, form) for item, form in run)
        writer.open(f'if (!cs_need(d, {size}, "{self.label(run[0][0].name)}"))')
        writer.put('return;')
        writer.close()
        afterwards = []
        for item, _ in run:
            self._load(item.node, self.owner + item.name, item.name, afterwards)
        for statement in afterwards:
            writer.put(statement)

    def _load(self, node, target, name, afterwards):
        """Unchecked loads of a fixed-size node."""
        writer = self.writer
        if isinstance(node, Scalar):
            writer.put(f'{target} = {load(node)};')
        elif isinstance(node, Handle):
            self._load_handle(node, target, name, afterwards)
        elif isinstance(node, Fixed):
            self._load_fixed(node, target, name, afterwards)
        elif self.model.same_in_memory(node):
            writer.put(f'cs_load_bytes(d, &{target}, {self.model.fixed_size(node)});')
        else:
            for item in self.model.structs[node.c_type].items:
                self._load(item.node, f'{target}.{item.name}', f'{name}_{item.name}', afterwards)

    def _load_handle(self, node, target, name, afterwards):
        if self.raw:
            self.writer.put(f'{target} = {from_id(node, "cs_load_u64(d)")};')
            return
        self.writer.put(f'uint64_t id_{name} = cs_load_u64(d);')
        find = f'(d, id_{name}, {node.object_type}, "{self.label(name)}")'
        if self.command:
            verb = 'lookup' if node.optional else 'need'
            afterwards.append(f'{target}_object = cs_{verb}_object{find};')
            afterwards.append(f'{target} = ' + from_id(
                node, f'cs_object_handle({target}_object)') + ';')
        else:
            function = 'cs_lookup_handle' if node.optional else 'cs_need_handle'
            afterwards.append(f'{target} = {from_id(node, function + find)};')

    def _load_fixed(self, node, target, name, afterwards):
        writer = self.writer
        writer.put(f'uint64_t count_{name} = cs_load_u64(d);')
        afterwards.append(f'cs_check_dimension(d, count_{name}, {node.count}, '
                          f'"{self.label(name)}");')
        if isinstance(node.element, Scalar):
            size = node.count * ELEMENT_SIZE[node.element.wire]
            writer.put(f'cs_load_bytes(d, {target}, {size});')
            if node.element.wire == 'char':
                writer.put(f'{target}[{node.count - 1}] = 0;')
        else:
            writer.open(f'for (size_t i = 0; i < {node.count}; i++)')
            self._load(node.element, f'{target}[i]', name, afterwards)
            writer.close()

    # ---- items of varying size -----------------------------------------------------------

    def _loose(self, item, form):
        node, name = item.node, item.name
        target, label = self.owner + name, f'"{self.label(name)}"'
        if isinstance(node, Null):
            self.writer.put(f'cs_read_null(d, {label});')
            self.writer.put(f'{target} = NULL;')
        elif isinstance(node, String):
            self.writer.put(f'{target} = cs_read_string(d, {_bool(node.optional)}, {label});')
        elif isinstance(node, Blob):
            self._blob(node, target, label, form)
        elif isinstance(node, Record):
            self._record(item, f'&{target}', form)
        elif isinstance(node, Fixed):
            self._fixed(node, target, label, form)
        elif isinstance(node, Pointer):
            self._pointer(item, target, label, form)
        else:
            self._array(item, target, label, form)
        self._note_offered(item, form)

    def _note_offered(self, item, form):
        """Remembers how many elements an output array of a command has."""
        if self.command and item.direction == OUT and form == PARTIAL and offered(item):
            self.writer.put(f'{self.owner}{item.name}_offered = {self.owner}{item.name} ? '
                            f'{self._length(item.node.length)} : 0;')

    def _length(self, expression, index='i'):
        return length(expression, self.items, self.owner, index)

    def _blob(self, node, target, label, form):
        optional = _bool(node.optional)
        if form == PARTIAL:
            self.writer.put(f'{target} = cs_read_array(d, {self._length(node.length)}, {optional}, '
                            f'0, 1, NULL, {label});')
        else:
            self.writer.put(f'{target} = cs_read_scalars(d, {self._length(node.length)}, '
                            f'{optional}, 1, {label});')

    def _record(self, item, pointer, form):
        struct = self.model.structs[item.node.c_type]
        if form == PARTIAL and self.model.empty_partial(struct):
            return
        selector = ''
        if struct.selector_type:
            selector = f', {self.owner}{item.member.selector}'
        self.writer.put(f'{self.function(struct.name, form)}(d, {pointer}{selector});')

    def _fixed(self, node, target, label, form):
        writer = self.writer
        writer.put(f'cs_check_dimension(d, cs_read_u64(d, {label}), {node.count}, {label});')
        if isinstance(node.element, Handle):
            writer.open(f'for (size_t i = 0; i < {node.count}; i++)')
            read = (f'cs_read_u64(d, {label})' if self.raw or form == PARTIAL else
                    f'cs_read_handle(d, {node.element.object_type}, {label})')
            writer.put(f'{target}[i] = {from_id(node.element, read)};')
            writer.close()
        elif not (form == PARTIAL
                  and self.model.empty_partial(self.model.structs[node.element.c_type])):
            writer.open(f'for (size_t i = 0; i < {node.count}; i++)')
            writer.put(f'{self.function(node.element.c_type, form)}(d, &{target}[i]);')
            writer.close()

    def _pointer(self, item, target, label, form):
        writer, node, element = self.writer, item.node, item.node.element
        if isinstance(element, Handle):
            self._handle_pointer(item, target, label)
            return
        read = f'cs_read_pointee(d, {_bool(node.optional)}, sizeof({element.c_type}), {label})'
        if form == PARTIAL and (isinstance(element, Scalar) or self.model.empty_partial(
                self.model.structs[element.c_type])):
            writer.put(f'{target} = {read};')
            return
        writer.open('')
        writer.put(f'{element.c_type} *p = {read};')
        writer.open('if (p)')
        if isinstance(element, Scalar):
            size = element.size
            writer.open(f'if (cs_need(d, {size}, {label}))')
            writer.put(f'*p = {load(element)};')
            writer.close()
        else:
            writer.put(f'{self.function(element.c_type, form)}(d, p);')
        writer.close()
        writer.put(f'{target} = p;')
        writer.close()

    def _handle_pointer(self, item, target, label):
        """Only outputs of commands point to one handle: the id of a new object."""
        writer, node = self.writer, item.node
        writer.put(f'{target} = cs_read_pointee(d, {_bool(node.optional)}, '
                   f'sizeof({node.element.c_type}), {label});')
        writer.put(f'{target}_id = {target} ? cs_read_u64(d, {label}) : 0;')

    def _array(self, item, target, label, form):
        writer, node, element = self.writer, item.node, item.node.element
        count, optional = self._length(node.length), _bool(node.optional)
        if isinstance(element, String):
            writer.put(f'{target} = cs_read_strings(d, {count}, {optional}, {label});')
        elif isinstance(element, Handle):
            self._handle_array(item, target, label, form, count, optional)
        elif isinstance(element, Scalar):
            size = ELEMENT_SIZE[element.wire]
            if form == PARTIAL:
                writer.put(f'{target} = cs_read_array(d, {count}, {optional}, 0, {size}, NULL, '
                           f'{label});')
            else:
                writer.put(f'{target} = cs_read_scalars(d, {count}, {optional}, {size}, '
                           f'{label});')
        elif isinstance(element, Array):
            self._array_of_arrays(element, target, label, count, optional)
        else:
            self._record_array(element, target, label, form, count, optional)

    def _handle_array(self, item, target, label, form, count, optional):
        writer, element = self.writer, item.node.element
        nullable = _bool(element.optional)
        if self.command and form in (PARTIAL, OUT):
            writer.put(f'{target}_ids = cs_read_scalars(d, {count}, {optional}, 8, {label});')
            if form == PARTIAL:
                writer.put(f'{target} = {target}_ids ? cs_temp(d, {count}, '
                           f'sizeof({element.c_type}), {label}) : NULL;')
        elif self.raw:
            writer.put(f'{target} = cs_read_scalars(d, {count}, {optional}, 8, {label});')
        elif self.command:
            writer.put(f'{target}_objects = cs_read_objects(d, {count}, {optional}, {nullable}, '
                       f'{element.object_type}, {label});')
            writer.put(f'{target} = cs_object_handles(d, {target}_objects, {count}, {label});')
        else:
            writer.put(f'{target} = cs_read_handles(d, {count}, {optional}, {nullable}, '
                       f'{element.object_type}, {label});')

    def _record_array(self, element, target, label, form, count, optional):
        writer, model = self.writer, self.model
        struct = model.structs[element.c_type]
        if form != PARTIAL and model.same_in_memory(element):
            writer.put(f'{target} = cs_read_scalars(d, {count}, {optional}, '
                       f'sizeof({element.c_type}), {label});')
            return
        size = model.least_record_size(struct, form)
        host = f'sizeof({element.c_type})'
        if form == PARTIAL and model.empty_partial(struct):
            writer.put(f'{target} = cs_read_array(d, {count}, {optional}, 0, {host}, NULL, '
                       f'{label});')
            return
        writer.open('')
        writer.put('uint64_t n;')
        writer.put(f'{element.c_type} *p = cs_read_array(d, {count}, {optional}, {size}, {host}, '
                   f'&n, {label});')
        writer.open('for (uint64_t i = 0; i < n && !d->failed; i++)')
        if form != PARTIAL and model.flat(element):
            writer.put(f'vn_load_{element.c_type}(d, &p[i]);')
        else:
            writer.put(f'{self.function(element.c_type, form)}(d, &p[i]);')
        writer.close()
        writer.put(f'{target} = p;')
        writer.close()

    def _array_of_arrays(self, inner, target, label, count, optional):
        writer, element = self.writer, inner.element
        c_type = element.c_type
        writer.open('')
        writer.put('uint64_t n;')
        writer.put(f'{c_type} **p = cs_read_array(d, {count}, {optional}, 8, sizeof(*p), &n, '
                   f'{label});')
        writer.open('for (uint64_t i = 0; i < n && !d->failed; i++)')
        inner_count = self._length(inner.length)
        if isinstance(element, Scalar) or self.model.same_in_memory(element):
            size = (ELEMENT_SIZE[element.wire] if isinstance(element, Scalar)
                    else f'sizeof({c_type})')
            writer.put(f'p[i] = cs_read_scalars(d, {inner_count}, false, {size}, {label});')
        else:
            least = self.model.least_size(element, 'in')
            writer.put('uint64_t m;')
            writer.put(f'p[i] = cs_read_array(d, {inner_count}, false, {least}, sizeof({c_type}), '
                       f'&m, {label});')
            writer.open('for (uint64_t j = 0; j < m && !d->failed; j++)')
            writer.put(f'{self.function(c_type, "in")}(d, &p[i][j]);')
            writer.close()
        writer.close()
        writer.put(f'{target} = (const {c_type} *const *)p;')
        writer.close()

    # ---- unions --------------------------------------------------------------------------

    def union(self, struct, form):
        """Statements of a union's function: v is the union, selector its selector."""
        writer = self.writer
        writer.put(f'uint32_t tag = cs_read_u32(d, "{struct.name}");')
        if struct.selector_type:
            writer.open('if (tag != (uint32_t)selector)')
            writer.put(f'cs_fail(d, "{struct.name}", "the tag is not the selected one");')
            writer.put('return;')
            writer.close()
        writer.put('switch (tag) {')
        for choice in struct.choices:
            for tag in choice.tags:
                writer.put(f'case {tag}:')
            writer.depth += 1
            self.body([(choice.item, form)], 'v->', lambda name: f'{struct.name}.{name}')
            writer.put('break;')
            writer.depth -= 1
        writer.put('default:')
        writer.put(f'    cs_fail(d, "{struct.name}", "unknown tag");')
        writer.put('}')


def offered(item):
    """An output array whose count the driver may lower: the count offered is kept beside it."""
    return (isinstance(item.node, (Array, Blob)) and item.direction == OUT
            and item.node.length.startswith('*'))


def _bool(value):
    return 'true' if value else 'false'
