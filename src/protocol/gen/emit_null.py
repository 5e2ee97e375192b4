"""venus_null_driver.h and .c: a Vulkan driver that does nothing, for tests and fuzzers.

Creations give unique handles, enumerations find nothing, everything else succeeds and leaves its
outputs alone. What has to be sensible is written by hand in null_driver_overrides.c.
"""

import re

from gen.emit_c import Writer, header, source
from gen.emit_tables import table_commands

GLOBAL = ['vkCreateInstance', 'vkEnumerateInstanceVersion',
          'vkEnumerateInstanceExtensionProperties', 'vkEnumerateInstanceLayerProperties']


def _prototype(command, name):
    params = ', '.join(param.declaration for param in command.params)
    return f'VKAPI_ATTR {command.result} VKAPI_CALL {name}({params})'


def _count(param, params):
    """The number of elements of an output array, as a C expression."""
    text = param.length[0]
    return '*' + text if any(p.name == text and p.pointers for p in params) else text


def _is_new_handle(registry, param):
    return (param.pointers == 1 and not param.const
            and registry.resolve(param.type) in registry.handles)


def _stub(registry, writer, command):
    writer.open_function('static ' + _prototype(command, f'null_{command.name}'))
    for param in command.params:
        lengths = [p for p in command.params if p.length and p.length[0] == param.name]
        if param.pointers == 1 and not param.const and lengths:
            writer.put(f'*{param.name} = 0;')
    for param in command.params:
        if not _is_new_handle(registry, param):
            continue
        new = f'({param.type})(uintptr_t)vn_null_next_handle()'
        if not param.length:
            writer.put(f'*{param.name} = {new};')
        elif not _count(param, command.params).startswith('*'):
            writer.open(f'for (uint32_t i = 0; i < {_count(param, command.params)}; i++)')
            writer.put(f'{param.name}[i] = {new};')
            writer.close()
    if command.result != 'void':
        writer.put('return 0;')
    names = [re.search(r'(\w+)\s*(\[\w+\])?$', p.declaration).group(1) for p in command.params]
    writer.close_function(*names)


def emit(model):
    registry, overrides = model.registry, model.rules.null_overrides
    names = GLOBAL + list(table_commands(model))
    names += [n for n in ('vkGetDeviceProcAddr',) if n not in names]
    writer = Writer()
    writer.open_function('uint64_t vn_null_next_handle(void)')
    writer.put('static _Atomic(uint64_t) last;')
    writer.put('return (atomic_fetch_add(&last, 1) + 1) * 16;')
    writer.close_function()
    for name in names:
        if name not in overrides:
            _stub(registry, writer, registry.commands[name])
    entries = {}
    for name in names:
        function = f'vn_null_{name[2:]}' if name in overrides else f'null_{name}'
        for alias in [name] + registry.command_aliases(name):
            entries[alias] = function
    writer.open('static const struct entry')
    writer.put('const char *name;')
    writer.put('PFN_vkVoidFunction function;')
    writer.depth -= 1
    writer.open('} entries[] =')
    for alias in sorted(entries):
        writer.put(f'{{"{alias}", (PFN_vkVoidFunction){entries[alias]}}},')
    writer.close('};')
    writer.put()
    lookup = '''\
static int compare(const void *name, const void *entry) {
    return strcmp(name, ((const struct entry *)entry)->name);
}

PFN_vkVoidFunction vn_null_get_instance_proc_addr(VkInstance instance, const char *name) {
    (void)instance;
    const struct entry *entry = bsearch(name, entries, sizeof(entries) / sizeof(entries[0]),
                                        sizeof(entries[0]), compare);
    return entry ? entry->function : NULL;
}
'''
    prototypes = '\n'.join(_prototype(registry.commands[n], 'vn_null_' + n[2:]) + ';'
                           for n in names if n in overrides)
    head = (
        '/* A driver whose creations give unique handles and whose other commands succeed at\n'
        ' * once. It has one physical device with two memory types and one queue family. Handles\n'
        ' * are no pointers to anything. Any thread. */\n'
        'VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL\n'
        'vn_null_get_instance_proc_addr(VkInstance instance, const char *name);\n\n'
        '/* A number that no other handle has. */\n'
        'uint64_t vn_null_next_handle(void);\n\n'
        '/* Written by hand in null_driver_overrides.c. */\n' + prototypes + '\n')
    return {
        'venus_null_driver.h': header('VENUS_NULL_DRIVER_H',
                                      ['<stdint.h>', '<vulkan/vulkan.h>'], head),
        'venus_null_driver.c': source(['"venus_null_driver.h"', '<stdatomic.h>', '<stdlib.h>',
                                       '<string.h>'], writer.text() + lookup),
    }
