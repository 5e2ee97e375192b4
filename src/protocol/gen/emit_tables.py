"""venus_tables.h and .c: the host driver's functions. venus_extensions.h and .c: what we know."""

from gen.emit_c import Writer, header, source, table_member

INSTANCE_LEVEL = ('VkInstance', 'VkPhysicalDevice')
DEVICE_LEVEL = ('VkDevice', 'VkQueue', 'VkCommandBuffer')


def table_commands(model):
    """Commands of the core versions and of the extensions that we know or use, by level."""
    registry = model.registry
    requirements = list(registry.features)
    for name in list(model.extensions) + sorted(model.rules.table_extensions):
        extension = registry.extensions.get(name)
        if extension and not extension.platform:
            requirements += extension.requirements
    names = []
    for requirement in requirements:
        for name in map(registry.resolve, requirement.commands):
            if name in registry.commands and name not in names:
                names.append(name)
    names.remove('vkGetInstanceProcAddr')
    levels = {}
    for name in names:
        params = registry.commands[name].params
        level = params[0].type if params else ''
        if level in INSTANCE_LEVEL + DEVICE_LEVEL:
            levels[name] = 'instance' if level in INSTANCE_LEVEL else 'device'
    return levels


def destroy_commands(model, levels):
    """Object type -> command, of the form (device, object, pAllocator)."""
    registry = model.registry
    result = {}
    for name in levels:
        params = registry.commands[name].params
        if (len(params) == 3 and params[0].type == 'VkDevice'
                and params[2].type == 'VkAllocationCallbacks'
                and params[1].pointers == 0 and params[1].type in registry.handles
                and registry.commands[name].result == 'void'):
            result[registry.handles[params[1].type]] = (name, params[1].type)
    return result


def _load(writer, model, name, get, owner):
    member = table_member(name)
    for number, alias in enumerate([name] + model.registry.command_aliases(name)):
        line = f't->{member} = (PFN_{name}){get}({owner}, "{alias}");'
        writer.put(line if number == 0 else f'if (!t->{member}) {line}')


def _emit_tables(model):
    levels = table_commands(model)
    instance = [n for n, level in levels.items() if level == 'instance']
    instance.append('vkGetDeviceProcAddr')
    device = [n for n, level in levels.items() if level == 'device']

    def members(names):
        return ''.join(f'    PFN_{n} {table_member(n)};\n' for n in names)

    head = (
        '/* Functions of the host driver under their newest name; NULL where it has none. */\n'
        'struct vn_instance_table {\n' + members(instance) + '};\n\n'
        'struct vn_device_table {\n    VkDevice device;\n    void *owner; /* the renderer\'s */\n'
        '    /* The host does not know VK_QUEUE_FAMILY_FOREIGN_EXT: barriers say EXTERNAL. */\n'
        '    bool foreign_is_external;\n'
        + members(device) + '};\n\n'
        '/* Fill a table; members that are not functions are left alone, except `device`. */\n'
        'void vn_instance_table_init(struct vn_instance_table *t, VkInstance instance,\n'
        '                            PFN_vkGetInstanceProcAddr get);\n'
        'void vn_device_table_init(struct vn_device_table *t, VkDevice device,\n'
        '                          PFN_vkGetDeviceProcAddr get);\n\n'
        '/* Destroys any child of the device that has a function for it; 0 and other types (pool\n'
        ' * members, queues) are ignored. The caller owns the handle and stops using it. */\n'
        'void vn_destroy_handle(const struct vn_device_table *t, VkObjectType type,\n'
        '                       uint64_t handle);\n')

    writer = Writer()
    writer.open('void vn_instance_table_init(struct vn_instance_table *t, VkInstance instance, '
                'PFN_vkGetInstanceProcAddr get)')
    for name in instance:
        _load(writer, model, name, 'get', 'instance')
    writer.close()
    writer.put()
    writer.open('void vn_device_table_init(struct vn_device_table *t, VkDevice device, '
                'PFN_vkGetDeviceProcAddr get)')
    writer.put('t->device = device;')
    for name in device:
        _load(writer, model, name, 'get', 'device')
    writer.close()
    writer.put()
    writer.open('void vn_destroy_handle(const struct vn_device_table *t, VkObjectType type, '
                'uint64_t handle)')
    writer.open('if (!handle)')
    writer.put('return;')
    writer.close()
    writer.put('switch (type) {')
    for object_type, (name, handle) in destroy_commands(model, levels).items():
        member = table_member(name)
        writer.put(f'case {object_type}:')
        writer.put(f'    if (t->{member}) {{')
        writer.put(f'        t->{member}(t->device, ({handle})(uintptr_t)handle, NULL);')
        writer.put('    }')
        writer.put('    break;')
    writer.put('default:')
    writer.put('    break;')
    writer.put('}')
    writer.close()
    return {
        'venus_tables.h': header('VENUS_TABLES_H',
                                 ['<stdbool.h>', '<stdint.h>', '<vulkan/vulkan.h>'], head),
        'venus_tables.c': source(['"venus_tables.h"', '<stddef.h>'], writer.text()),
    }


def _emit_extensions(model):
    """The mask also has the protocol's own two, which no registry needs to know."""
    known = {n: (e.number, min(e.spec_version,
                               model.registry.extensions[n].spec_version or e.spec_version),
                 e.type == 'instance')
             for n, e in model.extensions.items()}
    for name, extension in model.rules.extensions.items():
        if name in ('VK_EXT_command_serialization', 'VK_MESA_venus_protocol'):
            version = (model.rules.spec_version if name == 'VK_MESA_venus_protocol'
                       else extension.spec_version)
            known[name] = (extension.number, version, True)
    mask = [0] * 32
    mask[0] |= 1
    for number, _, _ in known.values():
        mask[number // 32] |= 1 << number % 32
    head = (
        '/* The registry that the codec was made from, and the protocol version it serves. */\n'
        f'#define VN_XML_VERSION VK_MAKE_API_VERSION(0, 1, 4, {model.registry.header_version})\n'
        '#define VN_COMMAND_SERIALIZATION_SPEC_VERSION 1\n'
        f'#define VN_PROTOCOL_SPEC_VERSION {model.rules.spec_version}\n\n'
        'struct vn_extension {\n    const char *name;\n    uint32_t number, spec_version;\n'
        '    bool is_instance;\n};\n\n'
        '/* Extensions whose structs and commands the codec knows, in order of their name. */\n'
        'extern const struct vn_extension vn_extensions[];\n'
        'extern const size_t vn_extension_count;\n\n'
        '/* Bit N: extension number N is known. Bit 0: the mask is valid. */\n'
        'extern const uint32_t vn_extension_mask[32];\n')
    writer = Writer()
    writer.open('const struct vn_extension vn_extensions[] =')
    for name in sorted(known):
        number, version, is_instance = known[name]
        writer.put(f'{{"{name}", {number}, {version}, {"true" if is_instance else "false"}}},')
    writer.close('};')
    writer.put(f'const size_t vn_extension_count = {len(known)};')
    writer.open('const uint32_t vn_extension_mask[32] =')
    for word in mask:
        writer.put(f'0x{word:08x},')
    writer.close('};')
    return {
        'venus_extensions.h': header('VENUS_EXTENSIONS_H', [
            '<stdbool.h>', '<stddef.h>', '<stdint.h>', '<vulkan/vulkan.h>'], head),
        'venus_extensions.c': source(['"venus_extensions.h"'], writer.text()),
    }


def emit(model):
    return _emit_tables(model) | _emit_extensions(model)
