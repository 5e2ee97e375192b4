"""Reads registry files (vk.xml and our mesa.xml) into plain records, without interpreting them.

Only what applies to the `vulkan` API is kept. Type aliases are resolved by Registry.resolve.
"""

import re
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass, field


@dataclass
class Member:
    """A struct member or a command parameter."""
    name: str
    type: str                 # innermost type name, aliases not resolved
    const: bool               # the pointee is const
    pointers: int             # number of '*'
    dims: list                # fixed dimensions: numbers or constant names
    length: list              # len or altlen, split at ','
    optional: bool            # first component of optional=
    element_optional: bool    # second component
    noautovalidity: bool
    selector: str             # name of the member that selects a union's member
    selection: list           # values of the selector that choose this member of a union
    value: str                # fixed value (of sType)
    declaration: str          # C text


@dataclass
class Struct:
    name: str
    union: bool
    members: list
    extends: list
    duplicates: bool          # may occur more than once in a chain

    @property
    def stype(self):
        """The VkStructureType constant, or None for a struct without sType and pNext."""
        return self.members[0].value if self.members[0].name == 'sType' else None


@dataclass
class Command:
    name: str
    result: str
    params: list


@dataclass
class Requirement:
    depends: str
    types: list
    commands: list


@dataclass
class Extension:
    name: str
    number: int
    spec_version: int
    type: str
    platform: str
    requirements: list = field(default_factory=list)


@dataclass
class Registry:
    header_version: int = 0
    aliases: dict = field(default_factory=dict)          # type or command alias -> name
    constants: dict = field(default_factory=dict)        # name -> int
    basetypes: dict = field(default_factory=dict)        # name -> C type
    bitmasks: dict = field(default_factory=dict)         # name -> VkFlags or VkFlags64
    enums: dict = field(default_factory=dict)            # name -> bit width
    enum_values: dict = field(default_factory=dict)      # enumerant -> int
    handles: dict = field(default_factory=dict)          # name -> VkObjectType constant
    dispatchable: set = field(default_factory=set)
    structs: dict = field(default_factory=dict)
    commands: dict = field(default_factory=dict)
    extensions: dict = field(default_factory=dict)
    features: list = field(default_factory=list)         # Requirements of the core versions

    def resolve(self, name):
        while name in self.aliases:
            name = self.aliases[name]
        return name

    def command_aliases(self, name):
        """All other names of a command, in registry order."""
        return [a for a in self.aliases if a.startswith('vk') and self.resolve(a) == name]


def _for_vulkan(element, attribute='api'):
    apis = element.get(attribute)
    return apis is None or 'vulkan' in apis.split(',')


def _text(element):
    """The C text of a declaration, without comments."""
    parts = [element.text or '']
    for child in element:
        if child.tag != 'comment':
            parts.append(_text(child))
        parts.append(child.tail or '')
    return ''.join(parts)


def _parse_member(element):
    text = re.sub(r'\s+', ' ', _text(element)).strip()
    text = re.sub(r'\s*\*', '*', text)
    name = element.find('name').text
    before, _, after = text.rpartition(name)
    length = element.get('altlen') or element.get('len') or ''
    optional = (element.get('optional') or 'false').split(',')
    return Member(
        name=name,
        type=element.find('type').text,
        const='const' in before.split(),
        pointers=text.count('*'),
        dims=re.findall(r'\[\s*(\w+)\s*\]', after),
        length=[part.strip() for part in length.split(',')] if length else [],
        optional=optional[0] == 'true',
        element_optional=optional[1:2] == ['true'],
        noautovalidity=element.get('noautovalidity') == 'true',
        selector=element.get('selector'),
        selection=[s for s in (element.get('selection') or '').split(',') if s],
        value=element.get('values'),
        declaration=text)


def _parse_type(registry, element):
    category = element.get('category')
    name = element.get('name') or element.findtext('name')
    if element.get('alias'):
        registry.aliases[name] = element.get('alias')
    elif category == 'basetype':
        registry.basetypes[name] = element.findtext('type')
    elif category == 'bitmask':
        registry.bitmasks[name] = element.findtext('type')
    elif category == 'enum':
        registry.enums.setdefault(name, 32)
    elif category == 'handle':
        registry.handles[name] = element.get('objtypeenum')
        if element.findtext('type') == 'VK_DEFINE_HANDLE':
            registry.dispatchable.add(name)
    elif category in ('struct', 'union'):
        registry.structs[name] = Struct(
            name=name,
            union=category == 'union',
            members=[_parse_member(m) for m in element.findall('member') if _for_vulkan(m)],
            extends=(element.get('structextends') or '').split(',')
            if element.get('structextends') else [],
            duplicates=element.get('allowduplicate') == 'true')
    elif category == 'define' and name == 'VK_HEADER_VERSION':
        registry.header_version = int(element.find('name').tail)


def _parse_enums(registry, element):
    name = element.get('name')
    if element.get('type') in ('enum', 'bitmask'):
        registry.enums[name] = int(element.get('bitwidth') or 32)
    for enum in element.findall('enum'):
        if not _for_vulkan(enum):
            continue
        if enum.get('alias'):
            registry.aliases[enum.get('name')] = enum.get('alias')
        elif enum.get('value'):
            try:
                registry.enum_values[enum.get('name')] = int(enum.get('value'), 0)
            except ValueError:
                pass


def _parse_command(registry, element):
    if element.get('alias'):
        registry.aliases[element.get('name')] = element.get('alias')
        return
    name = element.findtext('proto/name')
    registry.commands[name] = Command(
        name=name,
        result=element.findtext('proto/type'),
        params=[_parse_member(p) for p in element.findall('param') if _for_vulkan(p)])


def _parse_requirements(registry, element, number):
    requirements = []
    for require in element.findall('require'):
        if not _for_vulkan(require):
            continue
        requirements.append(Requirement(
            depends=require.get('depends') or '',
            types=[t.get('name') for t in require.findall('type')],
            commands=[c.get('name') for c in require.findall('command')]))
        for enum in require.findall('enum'):
            _parse_added_enum(registry, enum, number)
    return requirements


def _parse_added_enum(registry, enum, number):
    name = enum.get('name')
    if enum.get('alias'):
        registry.aliases.setdefault(name, enum.get('alias'))
    elif enum.get('value') and re.fullmatch(r'-?\d+', enum.get('value')):
        registry.enum_values[name] = int(enum.get('value'))
    elif enum.get('offset'):
        base = 1000000000 + (int(enum.get('extnumber') or number) - 1) * 1000
        value = base + int(enum.get('offset'))
        registry.enum_values[name] = -value if enum.get('dir') == '-' else value


def parse(paths):
    """Reads the registry files in order; later ones add to earlier ones."""
    registry = Registry()
    for path in paths:
        root = ElementTree.parse(path).getroot()
        for element in root.findall('types/type'):
            if _for_vulkan(element):
                _parse_type(registry, element)
        for element in root.findall('enums'):
            _parse_enums(registry, element)
        for element in root.findall('commands/command'):
            if _for_vulkan(element):
                _parse_command(registry, element)
        for element in root.findall('feature'):
            if _for_vulkan(element) or 'vulkanbase' in element.get('api').split(','):
                registry.features += _parse_requirements(registry, element, 0)
        for element in root.findall('extensions/extension'):
            if 'vulkan' not in (element.get('supported') or '').split(','):
                continue
            number = int(element.get('number'))
            requirements = _parse_requirements(registry, element, number)
            registry.extensions[element.get('name')] = Extension(
                name=element.get('name'),
                number=number,
                spec_version=_spec_version(element),
                type=element.get('type'),
                platform=element.get('platform'),
                requirements=requirements)
    for name, value in list(registry.enum_values.items()):
        if name.startswith('VK_MAX_') or name.endswith('_SIZE'):
            registry.constants[name] = value
    return registry


def _spec_version(element):
    for enum in element.iter('enum'):
        if enum.get('name').endswith('_SPEC_VERSION') and enum.get('value'):
            return int(enum.get('value'))
    return 0
