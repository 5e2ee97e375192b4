"""venus_fill.h and .c: arguments with pseudo-random values for every command, and a table of
all codec functions. For tests and fuzzers that go through all commands."""

import re

from gen.emit_c import Writer, header, length, source
from gen.emit_decode import offered
from gen.layout import result_wire
from gen.model import OUT, Array, Fixed, Handle, Null, Pointer, Record, Scalar, String

# Values that checks.c would refuse or rewrite otherwise.
SPECIAL = {
    'VkShaderModuleCreateInfo.codeSize': '4 * fill_count(f)',
    'VkSpecializationMapEntry.offset': '0',
    'VkSpecializationMapEntry.size': '0',
    'VkWriteDescriptorSet.descriptorType': '(VkDescriptorType)(f->random(f) % 11)',
    'vkCmdDrawMultiEXT.stride': 'sizeof(VkMultiDrawInfoEXT)',
    'vkCmdDrawMultiIndexedEXT.stride': 'sizeof(VkMultiDrawIndexedInfoEXT)',
}


class Filler:
    def __init__(self, model):
        self.model = model
        self.writer = Writer()
        self.outer_lengths = self._find_outer_lengths()

    def _find_outer_lengths(self):
        """Members that are lengths of arrays outside of their struct: "struct.member"."""
        result = set()
        for command in self.model.commands:
            for item in command.items:
                inner = self.model.rules.inner_length.get(f'{command.name}.{item.name}', '')
                for text in item.member.length + [inner]:
                    match = re.fullmatch(r'(\w+)(?:->|\[i\]\.)(\w+)', text)
                    if match:
                        record = command.item(match.group(1)).node.element
                        result.add(f'{record.c_type}.{match.group(2)}')
        return result

    # ---- structs -------------------------------------------------------------------------

    def prototype(self, struct):
        selector = f', {struct.selector_type} selector' if struct.selector_type else ''
        return f'void vn_fill_{struct.name}(struct vn_fill *f, {struct.name} *v{selector})'

    def struct(self, struct):
        writer = self.writer
        if struct.stype:
            self._body(struct)
        writer.open_function(self.prototype(struct))
        if struct.union:
            self._union(struct)
        elif struct.stype:
            writer.put(f'v->sType = {struct.stype};')
            writer.put('v->pNext = NULL;')
            if struct.chain:
                self._chain(struct)
            writer.put(f'fill_body_{struct.name}(f, v);')
        else:
            self._items(struct.name, struct.items, 'v->')
        writer.close_function('f', 'v')

    def _body(self, struct):
        self.writer.open_function(f'static void fill_body_{struct.name}(struct vn_fill *f, '
                                  f'{struct.name} *v)')
        self._items(struct.name, struct.items, 'v->')
        self.writer.close_function('f', 'v')

    def _chain(self, struct):
        """Some of the allowed structs, each at most once, in table order."""
        writer = self.writer
        writer.put('VkBaseOutStructure head = {0}, *last = &head;')
        for name in struct.chain:
            member = self.model.structs[name]
            writer.open('if (fill_rarely(f))')
            writer.put(f'{name} *p = cs_temp(f->memory, 1, sizeof(*p), NULL);')
            writer.open('if (p)')
            writer.put(f'p->sType = {member.stype};')
            writer.put(f'fill_body_{name}(f, p);')
            writer.put('last->pNext = (VkBaseOutStructure *)p;')
            writer.put('last = (VkBaseOutStructure *)p;')
            writer.close()
            writer.close()
        writer.put('v->pNext = (void *)head.pNext;')

    def _union(self, struct):
        writer = self.writer
        if not struct.selector_type:
            choice = next(c for c in struct.choices if c.default)
            self._items(struct.name, [choice.item], 'v->')
            return
        writer.put('switch (selector) {')
        for choice in struct.choices:
            for tag in choice.tags:
                writer.put(f'case {tag}:')
            writer.depth += 1
            self._items(struct.name, [choice.item], 'v->')
            writer.put('break;')
            writer.depth -= 1
        writer.put('default:')
        writer.put('    break;')
        writer.put('}')

    # ---- items ---------------------------------------------------------------------------

    def _items(self, name, items, owner, command=None):
        self.name = name
        self.all_items = command.items if command else items
        self.owner = owner
        rules = self.model.rules
        self.complete = name in rules.check_structs | rules.check_commands
        for item in items:
            special = SPECIAL.get(f'{name}.{item.name}')
            if special:
                self.writer.put(f'{owner}{item.name} = {special};')
            elif self._selected_by(item):
                self._selector(item)
            else:
                self._item(item, command)

    def _selected_by(self, item):
        """The union that this scalar selects a member of."""
        for other in self.all_items:
            if isinstance(other.node, Record) and other.member.selector == item.name:
                return self.model.structs[other.node.c_type]
        return None

    def _selector(self, item):
        tags = [tag for choice in self._selected_by(item).choices for tag in choice.tags]
        self.writer.open('')
        self.writer.put(f'static const {item.node.c_type} tags[] = {{{", ".join(tags)}}};')
        self.writer.put(f'{self.owner}{item.name} = tags[f->random(f) % {len(tags)}];')
        self.writer.close()

    def _item(self, item, command):
        node, target = item.node, self.owner + item.name
        writer = self.writer
        if isinstance(node, Scalar):
            is_length = item.is_length or f'{self.name}.{item.name}' in self.outer_lengths
            writer.put(f'{target} = {self._scalar(node, is_length)};')
        elif isinstance(node, Handle):
            first = command and command.items[0] is item
            writer.put(f'{target} = {self._handle(node, first)};')
        elif isinstance(node, Record):
            self._record(item, f'&{target}')
        elif isinstance(node, Fixed):
            self._fixed(node, target)
        elif isinstance(node, Null):
            writer.put(f'{target} = NULL;')
        elif isinstance(node, Pointer) and isinstance(node.element, Handle):
            writer.put(f'{target} = cs_temp(f->memory, 1, sizeof(*{target}), NULL);')
            writer.put(f'{target}_id = f->new_id(f);')
        else:
            self._behind_pointer(item, target, command)
            if command and offered(item):
                count = length(node.length, self.all_items, self.owner)
                writer.put(f'{target}_offered = {target} ? {count} : 0;')

    def _scalar(self, node, is_length=False):
        if is_length:
            return f'({node.c_type})fill_count(f)'
        if node.wire in ('f32', 'f64'):
            return f'({node.c_type})(int32_t)f->random(f)'
        mask = ' & 0x7fffffff' if node.wire == 'i32' else ''
        return f'({node.c_type})(f->random(f){mask})'

    def _handle(self, node, needed=False):
        needed = 'true' if needed or self.complete or not node.optional else 'false'
        return f'({node.c_type})(uintptr_t)f->handle(f, {node.object_type}, {needed})'

    def _record(self, item, pointer):
        struct = self.model.structs[item.node.c_type]
        selector = f', {self.owner}{item.member.selector}' if struct.selector_type else ''
        self.writer.put(f'vn_fill_{struct.name}(f, {pointer}{selector});')

    def _fixed(self, node, target):
        writer = self.writer
        if isinstance(node.element, Scalar) and node.element.wire == 'char':
            writer.put(f'fill_text(f, {target}, {node.count});')
            return
        writer.open(f'for (size_t i = 0; i < {node.count}; i++)')
        if isinstance(node.element, Scalar):
            writer.put(f'{target}[i] = {self._scalar(node.element)};')
        elif isinstance(node.element, Handle):
            writer.put(f'{target}[i] = {self._handle(node.element)};')
        else:
            writer.put(f'vn_fill_{node.element.c_type}(f, &{target}[i]);')
        writer.close()

    def _behind_pointer(self, item, target, command):
        writer, node = self.writer, item.node
        writer.put(f'{target} = NULL;')
        if command and isinstance(node, Array) and isinstance(node.element, Handle) \
                and item.direction == OUT:
            writer.put(f'{target}_ids = NULL;')
        if node.optional and not self.complete:
            writer.open('if (!fill_rarely(f))')
        else:
            writer.open('')
        if isinstance(node, String):
            writer.put(f'{target} = fill_string(f);')
        elif isinstance(node, Pointer):
            self._pointer(item, target)
        else:
            count = length(node.length, self.all_items, self.owner)
            self._array(item, target, count, command)
        writer.close()

    def _pointer(self, item, target):
        writer, element = self.writer, item.node.element
        writer.put(f'{element.c_type} *p = cs_temp(f->memory, 1, sizeof(*p), NULL);')
        writer.open('if (p)')
        if isinstance(element, Scalar):
            writer.put(f'*p = {self._scalar(element, item.is_length)};')
        else:
            writer.put(f'vn_fill_{element.c_type}(f, p);')
        writer.close()
        writer.put(f'{target} = p;')

    def _array(self, item, target, count, command):
        writer, node = self.writer, item.node
        element = node.element if isinstance(node, Array) else Scalar('uint8_t', 'u8')
        writer.put(f'uint64_t n = {count};')
        if isinstance(element, Handle) and command and item.direction == OUT:
            writer.put('uint64_t *p = fill_array(f, n, sizeof(*p));')
            writer.open('for (uint64_t i = 0; p && i < n; i++)')
            writer.put('p[i] = f->new_id(f);')
            writer.close()
            writer.put(f'{target}_ids = p;')
            writer.put(f'{target} = fill_array(f, n, sizeof(*{target}));')
            return
        c_type = {Array: f'{getattr(getattr(element, "element", None), "c_type", "")} *',
                  String: 'const char *'}.get(type(element)) or element.c_type
        writer.put(f'{c_type} *p = fill_array(f, n, sizeof(*p));')
        writer.open('for (uint64_t i = 0; p && i < n; i++)')
        if isinstance(element, Scalar):
            writer.put(f'p[i] = {self._scalar(element)};')
        elif isinstance(element, Handle):
            writer.put(f'p[i] = {self._handle(element)};')
        elif isinstance(element, String):
            writer.put('p[i] = fill_string(f);')
        elif isinstance(element, Array):
            self._inner_array(element)
        else:
            writer.put(f'vn_fill_{element.c_type}(f, &p[i]);')
        writer.close()
        cast = f'(const {element.element.c_type} *const *)' if isinstance(element, Array) else ''
        writer.put(f'{target} = {cast}p;')

    def _inner_array(self, node):
        writer, element = self.writer, node.element
        writer.put(f'uint64_t m = {length(node.length, self.all_items, self.owner)};')
        writer.put(f'{element.c_type} *q = fill_array(f, m, sizeof(*q));')
        writer.open('for (uint64_t j = 0; q && j < m; j++)')
        if isinstance(element, Scalar):
            writer.put(f'q[j] = {self._scalar(element)};')
        else:
            writer.put(f'vn_fill_{element.c_type}(f, &q[j]);')
        writer.close()
        writer.put('p[i] = q;')

    # ---- commands ------------------------------------------------------------------------

    def command(self, command):
        writer, name = self.writer, command.name
        writer.open_function(f'static void fill_{name}(struct vn_fill *f, void *arguments)')
        writer.put(f'struct vn_{name} *a = arguments;')
        self._items(name, command.items, 'a->', command)
        if command.result != 'void':
            wire = result_wire(self.model, command)
            mask = ' & 0x7fffffff' if wire == 'i32' else ''
            writer.put(f'a->ret = ({command.result})(f->random(f){mask});')
        writer.close_function('f')
        for function, prefix, out, kind, flags in (
                ('encode', f'vn_client_encode_{name}', 'encoder', 'const ', 'uint32_t flags, '),
                ('decode', f'vn_decode_{name}', 'decoder', '', ''),
                ('encode_reply', f'vn_encode_{name}_reply', 'encoder', 'const ', ''),
                ('decode_reply', f'vn_client_decode_{name}_reply', 'decoder', '', '')):
            writer.open(f'static void {function}_{name}(struct cs_{out} *c, {flags}'
                        f'{kind}void *arguments)')
            writer.put(f"{prefix}(c, {'flags, ' if flags else ''}arguments);")
            writer.close()
        writer.put()


PRELUDE = '''\
/* One in eight. */
static bool fill_rarely(struct vn_fill *f) {
    return f->random(f) % 8 == 0;
}

static uint32_t fill_count(struct vn_fill *f) {
    return (uint32_t)(f->random(f) % 4);
}

static void *fill_array(struct vn_fill *f, uint64_t count, size_t size) {
    return count ? cs_temp(f->memory, count, size, NULL) : NULL;
}

/* Text of random length that ends inside `size` characters; the rest is zero. */
static void fill_text(struct vn_fill *f, char *text, size_t size) {
    size_t length = f->random(f) % size;
    memset(text, 0, size);
    for (size_t i = 0; i < length; i++) {
        text[i] = (char)('a' + f->random(f) % 26);
    }
}

static const char *fill_string(struct vn_fill *f) {
    char *text = cs_temp(f->memory, 16, 1, NULL);
    if (text) {
        fill_text(f, text, 16);
    }
    return text;
}

'''


def emit(model):
    filler = Filler(model)
    structs = [model.structs[name] for name in sorted(model.structs)]
    for struct in structs:
        if struct.stype:
            filler.writer.put(f'static void fill_body_{struct.name}(struct vn_fill *f, '
                              f'{struct.name} *v);')
    filler.writer.put()
    for struct in structs:
        filler.struct(struct)
    for command in model.commands:
        filler.command(command)
    filler.writer.open('const struct vn_command_codec vn_command_codecs[] =')
    for c in model.commands:
        filler.writer.put(f'{{{c.id}, "{c.name}", sizeof(struct vn_{c.name}), fill_{c.name}, '
                          f'encode_{c.name}, decode_{c.name}, encode_reply_{c.name}, '
                          f'decode_reply_{c.name}}},')
    filler.writer.close('};')
    filler.writer.put(f'const size_t vn_command_codec_count = {len(model.commands)};')
    head = '''\
/* Where values come from. All pointers are temporaries of `memory`'s arena; if that is exhausted
 * arrays are missing and memory->failed is set. */
struct vn_fill {
    struct cs_decoder *memory;
    uint64_t (*random)(struct vn_fill *f);
    /* An id of `type`; 0 is good, too, unless `needed`. */
    uint64_t (*handle)(struct vn_fill *f, VkObjectType type, bool needed);
    uint64_t (*new_id)(struct vn_fill *f);
    void *user;
};

/* Every command with its codec; `arguments` is its struct vn_vk..., `size` bytes. */
struct vn_command_codec {
    uint32_t id;
    const char *name;
    size_t size;
    void (*fill)(struct vn_fill *f, void *arguments); /* as a client: handles are ids */
    void (*encode)(struct cs_encoder *e, uint32_t flags, const void *arguments);
    void (*decode)(struct cs_decoder *d, void *arguments);
    void (*encode_reply)(struct cs_encoder *e, const void *arguments);
    void (*decode_reply)(struct cs_decoder *d, void *arguments);
};
extern const struct vn_command_codec vn_command_codecs[];
extern const size_t vn_command_codec_count;

''' + ''.join(filler.prototype(s) + ';\n' for s in structs)
    return {
        'venus_fill.h': header('VENUS_FILL_H', ['"protocol/cs.h"', '"venus_commands.h"'], head),
        'venus_fill.c': source(['"venus_fill.h"', '"venus_client.h"', '"venus_commands.h"'],
                               PRELUDE + filler.writer.text()),
    }
