"""Turns registry records and rules into wire items.

A wire item is a named node; nodes say how a value is written, independent of direction:

    Scalar    4 or 8 bytes (8- and 16-bit values take 4)
    Handle    u64 object id
    Record    a struct or union by value
    Fixed     array of declared size
    Pointer   presence + one node
    Array     count + nodes
    Blob      count + bytes
    String    count + bytes with terminator
    Null      pointer that can only be NULL

A struct is written in one of three forms: IN (full, in requests), PARTIAL (outputs inside
requests: only what the receiver needs to prepare them) and OUT (full, in replies).
"""

import re
from dataclasses import dataclass, field, replace

IN, PARTIAL, OUT = 'in', 'partial', 'out'

SCALARS = {
    'uint32_t': 'u32', 'int32_t': 'i32', 'float': 'f32', 'uint64_t': 'u64', 'int64_t': 'i64',
    'double': 'f64', 'size_t': 'size', 'uint8_t': 'u8', 'uint16_t': 'u16', 'char': 'char',
}
# Size of one element in an array, and of one value on its own.
ELEMENT_SIZE = {'u32': 4, 'i32': 4, 'f32': 4, 'u64': 8, 'i64': 8, 'f64': 8, 'size': 8,
                'u8': 1, 'u16': 2, 'char': 1}


class ModelError(Exception):
    pass


@dataclass(frozen=True)
class Scalar:
    c_type: str
    wire: str

    @property
    def size(self):
        return max(4, ELEMENT_SIZE[self.wire])


@dataclass(frozen=True)
class Handle:
    c_type: str
    object_type: str          # VkObjectType constant
    optional: bool = True     # may be VK_NULL_HANDLE


@dataclass(frozen=True)
class Record:
    c_type: str


@dataclass(frozen=True)
class Fixed:
    dimension: str            # as declared
    count: int
    element: object


@dataclass(frozen=True)
class Pointer:
    element: object
    optional: bool


@dataclass(frozen=True)
class Array:
    length: str               # expression over siblings, see Lengths
    element: object
    optional: bool


@dataclass(frozen=True)
class Blob:
    length: str
    optional: bool


@dataclass(frozen=True)
class String:
    optional: bool


@dataclass(frozen=True)
class Null:
    pass


@dataclass
class Item:
    """One member or parameter in wire order."""
    name: str
    node: object
    member: object            # the registry's Member
    direction: str = IN       # parameters: IN, OUT or 'inout'
    is_length: bool = False   # names the length of a sibling pointer


@dataclass
class Choice:
    """A member of a union: the tag values that select it."""
    item: Item
    tags: list                # C expressions
    default: bool = False     # the one the guest sends (unions without selector)


@dataclass
class Struct:
    name: str
    stype: str
    items: list
    choices: list = field(default_factory=list)   # unions only
    selector_type: str = ''                       # unions with selector: enum name
    chain: list = field(default_factory=list)     # structs allowed in the chain of this root
    duplicates: bool = False
    forms: set = field(default_factory=set)       # as a value of its own (root, nested)
    body_forms: set = field(default_factory=set)  # as a chain member

    @property
    def union(self):
        return bool(self.choices)


@dataclass
class Command:
    id: int
    name: str
    result: str               # C type, 'void' for none
    items: list

    def item(self, name):
        return next(i for i in self.items if i.name == name)


class Model:
    """Everything reachable from the commands that both the table and the registry know."""

    def __init__(self, registry, rules):
        self.registry = registry
        self.rules = rules
        self.structs = {}
        self.commands = []
        self.unknown_commands = []      # encoded, but not in this registry
        self.extensions = {name: ext for name, ext in rules.extensions.items()
                           if name in registry.extensions}
        self._available = self._find_available_types()
        self._in_progress = []
        for entry in rules.commands:
            self._add_command(entry)
        self._mark_forms()

    # ---- commands ------------------------------------------------------------------------

    def _add_command(self, entry):
        if not entry.encoded:
            return
        known = [self.registry.resolve(name) for name in [entry.name] + entry.aliases]
        known = [name for name in known if name in self.registry.commands]
        if not known or not self._types_known(self.registry.commands[known[0]].params):
            self.unknown_commands.append(entry.name)
            return
        source = self.registry.commands[known[0]]
        self.commands.append(Command(id=entry.id, name=known[0],
                                     result=self.registry.resolve(source.result),
                                     items=self._parameters(source)))

    def _types_known(self, members):
        for member in members:
            name = self.registry.resolve(member.type)
            if name.startswith('Vk') and not self._type_known(name):
                return False
        return True

    def _type_known(self, name):
        registry = self.registry
        return (name in registry.structs or name in registry.handles or name in registry.enums
                or name in registry.bitmasks or name in registry.basetypes
                or name == 'VkAllocationCallbacks')

    def _parameters(self, command):
        lengths = {name for p in command.params for part in p.length
                   for name in re.findall(r'[A-Za-z_]\w*', part)}
        items = []
        for param in command.params:
            output = param.pointers > 0 and not param.const
            inout = output and (param.name in lengths
                                or f'{command.name}.{param.name}' in self.rules.inout)
            items.append(Item(
                name=param.name, member=param,
                node=self._node(command.name, param, command.params),
                direction='inout' if inout else OUT if output else IN,
                is_length=param.name in lengths))
        return items

    # ---- structs -------------------------------------------------------------------------

    def struct(self, name):
        """The model of a struct, built on first use."""
        if name in self.structs:
            return self.structs[name]
        if name in self._in_progress:
            raise ModelError(f'{name} contains itself: '
                             + ' -> '.join(self._in_progress + [name]))
        self._in_progress.append(name)
        source = self.registry.structs[name]
        members = source.members[2:] if source.stype else source.members
        if name in self.rules.member_order:
            order = self.rules.member_order[name]
            members = sorted(members, key=lambda m: order.index(m.name))
        pointer_lengths = {n for m in members if m.pointers for part in m.length
                           for n in re.findall(r'[A-Za-z_]\w*', part)}
        items = [Item(name=m.name, member=m, node=self._node(name, m, members),
                      is_length=m.name in pointer_lengths) for m in members]
        result = Struct(name=name, stype=source.stype, items=items,
                        duplicates=source.duplicates)
        if source.union:
            self._add_choices(result, source)
        if source.stype:
            result.chain = self._chain(name)
            for member in result.chain:
                self.struct(member)
        self._in_progress.pop()
        self.structs[name] = result
        return result

    def _add_choices(self, struct, source):
        rule = self.rules.unions.get(source.name)
        for item in struct.items:
            if rule:
                tags = [str(rule['members'].index(item.name))]
                struct.choices.append(Choice(item, tags, item.name == rule['guest']))
            elif item.member.selection:
                struct.choices.append(Choice(item, item.member.selection))
            else:
                raise ModelError(f'{source.name}: neither a rule nor a selection for '
                                 f'{item.name}')
        if not rule:
            struct.selector_type = self._selector_type(source.name)

    def _selector_type(self, union):
        for struct in self.registry.structs.values():
            for member in struct.members:
                if self.registry.resolve(member.type) == union and member.selector:
                    selector = next(m for m in struct.members if m.name == member.selector)
                    return self.registry.resolve(selector.type)
        raise ModelError(f'{union}: nobody selects its member')

    def _chain(self, root):
        """Structs that may follow `root`, in registry order."""
        excluded = self.rules.chain_exclude.get(root, set())
        return [s.name for s in self.registry.structs.values()
                if root in map(self.registry.resolve, s.extends)
                and s.name in self._available and s.name not in excluded]

    def _find_available_types(self):
        """Types of the core versions and of the protocol's extensions."""
        requirements = list(self.registry.features)
        for name in self.extensions:
            requirements += [r for r in self.registry.extensions[name].requirements
                             if self._depends_met(r.depends)]
        return {self.registry.resolve(t) for r in requirements for t in r.types}

    def _depends_met(self, expression):
        """Evaluates `A+(B,C)`: + is and, comma is or. Core versions are always there."""
        if not expression:
            return True

        def value(match):
            name = match.group(0)
            core = name.startswith('VK_VERSION_') or not name.startswith('VK_')
            return str(core or name in self.extensions)

        text = re.sub(r'\w+(::\w+)?', value, expression)
        return eval(text.replace('+', ' and ').replace(',', ' or '), {}, {})  # only True/False

    # ---- nodes ---------------------------------------------------------------------------

    def _node(self, owner, member, siblings):
        base = self._base(member)
        optional = (member.optional or member.noautovalidity
                    or f'{owner}.{member.name}' in self.rules.nullable)
        if isinstance(base, Handle):
            base = replace(base, optional=self._handle_optional(owner, member, optional))
        if member.dims:
            if len(member.dims) != 1:
                raise ModelError(f'{owner}.{member.name}: arrays of arrays are not on the wire')
            dim = member.dims[0]
            count = int(dim) if dim.isdigit() else self.registry.constants[dim]
            return Fixed(dim, count, base)
        if member.pointers == 0:
            return base
        if f'{owner}.{member.name}' in self.rules.null_only or self._unserializable(member):
            return Null()
        lengths = [self._length(part, siblings) for part in member.length]
        if not lengths:
            return Pointer(base, optional)
        if lengths[0] == 'null-terminated':
            return String(optional)
        if len(lengths) > 1:
            if lengths[1] == 'null-terminated':
                return Array(lengths[0], String(False), optional)
            return Array(lengths[0], Array(lengths[1], base, False), optional)
        inner = self.rules.inner_length.get(f'{owner}.{member.name}')
        if inner:
            return Array(lengths[0], Array(inner, base, False), optional)
        if member.type == 'void':
            return Blob(lengths[0], optional)
        return Array(lengths[0], base, optional)

    def _handle_optional(self, owner, member, optional):
        if member.pointers == 0:
            return optional
        return (member.element_optional or member.noautovalidity
                or f'{owner}.{member.name}[]' in self.rules.nullable)

    @staticmethod
    def _unserializable(member):
        return (member.type.startswith('PFN_') or member.type == 'VkAllocationCallbacks'
                or (member.type == 'void' and (not member.length or member.pointers > 1)))

    @staticmethod
    def _length(text, siblings):
        """Marks a length that is behind a sibling pointer as *name."""
        for sibling in siblings:
            if sibling.name == text and sibling.pointers:
                return '*' + text
        return text

    def _base(self, member):
        registry = self.registry
        name = registry.resolve(member.type)
        if name in SCALARS:
            return Scalar(name, SCALARS[name])
        if name == 'void' or name.startswith('PFN_') or name == 'VkAllocationCallbacks':
            return None
        if name in registry.handles:
            return Handle(name, registry.handles[name])
        if name in registry.structs:
            self.struct(name)
            return Record(name)
        if name in registry.enums and name not in registry.bitmasks:
            return Scalar(name, 'u64' if registry.enums[name] == 64 else 'i32')
        if name in registry.bitmasks:
            return Scalar(name, 'u64' if registry.bitmasks[name] == 'VkFlags64' else 'u32')
        c_type = registry.basetypes.get(name)
        if c_type in SCALARS:
            return Scalar(name, SCALARS[c_type])
        raise ModelError(f'{name} ({member.name}) cannot be put on the wire')

    # ---- forms ---------------------------------------------------------------------------

    def _mark_forms(self):
        for command in self.commands:
            for item in command.items:
                if item.direction == OUT:
                    self._mark(item.node, PARTIAL)
                    self._mark(item.node, OUT)
                else:
                    self._mark(item.node, IN)
                    if item.direction == 'inout':
                        self._mark(item.node, OUT)

    def _mark(self, node, form):
        if isinstance(node, (Fixed, Pointer, Array)):
            self._mark(node.element, form)
        elif isinstance(node, Record):
            struct = self.structs[node.c_type]
            if form not in struct.forms:
                struct.forms.add(form)
                self._mark_items(struct, form)
                for name in struct.chain:
                    self._mark_chained(name, form)

    def _mark_chained(self, name, form):
        struct = self.structs[name]
        if form not in struct.body_forms:
            struct.body_forms.add(form)
            self._mark_items(struct, form)

    def _mark_items(self, struct, form):
        for item in struct.items:
            self._mark(item.node, form)

    # ---- questions of the emitters -------------------------------------------------------

    def items_of(self, struct, form):
        """The items of a body that are on the wire in `form`."""
        if form != PARTIAL:
            return struct.items
        return [item for item in struct.items if self.in_partial(item)]

    def in_partial(self, item):
        """Partial bodies keep handles, nested structs, pointers, and lengths of pointers."""
        node = item.node
        if isinstance(node, Scalar):
            return item.is_length
        if isinstance(node, Fixed):
            return not isinstance(node.element, Scalar)
        return True

    def empty_partial(self, struct):
        """No byte of the struct is written in partial form."""
        return not struct.stype and not struct.union and all(
            isinstance(item.node, Record) and self.empty_partial(self.structs[item.node.c_type])
            for item in self.items_of(struct, PARTIAL))

    def fixed_size(self, node):
        """Wire bytes of a node in full form if always the same, else None."""
        if isinstance(node, Scalar):
            return node.size
        if isinstance(node, Handle):
            return 8
        if isinstance(node, Fixed):
            if isinstance(node.element, Scalar):
                return 8 + (node.count * ELEMENT_SIZE[node.element.wire] + 3) // 4 * 4
            element = self.fixed_size(node.element)
            return None if element is None else 8 + node.count * element
        if isinstance(node, Record):
            struct = self.structs[node.c_type]
            if struct.stype or struct.union:
                return None
            sizes = [self.fixed_size(item.node) for item in struct.items]
            return None if None in sizes else sum(sizes)
        return None

    def least_size(self, node, form):
        """Least wire bytes of a node: bounds the count of an array by the bytes left."""
        if form == PARTIAL and isinstance(node, Scalar):
            return 0
        size = self.fixed_size(node) if form != PARTIAL else None
        if size is not None:
            return size
        if isinstance(node, Record):
            return self.least_record_size(self.structs[node.c_type], form)
        if isinstance(node, Fixed):
            if form == PARTIAL and isinstance(node.element, Scalar):
                return 0
            return 8 + node.count * self.least_size(node.element, form)
        return 8        # handles, pointers, arrays and strings start with a u64

    def least_record_size(self, struct, form):
        if struct.union:
            return 4 + min(self.least_size(c.item.node, form) for c in struct.choices)
        total = 12 if struct.stype else 0
        for item in self.items_of(struct, form):
            total += (item.node.size if isinstance(item.node, Scalar)
                      else self.least_size(item.node, form))
        return total

    def has_handle(self, node):
        if isinstance(node, Handle):
            return True
        if isinstance(node, (Fixed, Pointer, Array)):
            return self.has_handle(node.element)
        if isinstance(node, Record):
            return any(self.has_handle(i.node) for i in self.structs[node.c_type].items)
        return False

    def flat(self, node):
        """Fixed wire size and no handle: may be read with one bounds check."""
        return self.fixed_size(node) is not None and not self.has_handle(node)

    def memory_layout(self, node):
        """(size, alignment) in C of a flat node; None if not known."""
        if isinstance(node, Scalar):
            size = ELEMENT_SIZE[node.wire]
            return size, size
        if isinstance(node, Fixed):
            size, align = self.memory_layout(node.element)
            return size * node.count, align
        offset, most = 0, 1
        for item in self.structs[node.c_type].items:
            size, align = self.memory_layout(item.node)
            offset = (offset + align - 1) // align * align + size
            most = max(most, align)
        return (offset + most - 1) // most * most, most

    def same_in_memory(self, node):
        """The wire bytes of a flat node are its bytes in memory."""
        if isinstance(node, Scalar):
            return ELEMENT_SIZE[node.wire] >= 4
        if not isinstance(node, Record) or not self.flat(node):
            return False
        offset = 0
        for item in self.structs[node.c_type].items:
            if not self.same_in_memory(item.node):
                return False
            size, align = self.memory_layout(item.node)
            if offset % align:
                return False
            offset += size
        return offset == self.memory_layout(node)[0]
