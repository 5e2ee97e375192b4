"""venus_mesa.h: C declarations of what the protocol adds (mesa.xml)."""

from gen.emit_c import Writer, header


def emit(model, mesa):
    """mesa: the Registry of mesa.xml alone."""
    writer = Writer()
    for name, value in mesa.enum_values.items():
        if name.startswith('VK_STRUCTURE_TYPE_'):
            writer.put(f'#define {name} ((VkStructureType){value})')
    writer.put()
    for struct in mesa.structs.values():
        if struct.name not in model.structs:
            continue
        writer.open(f'typedef struct {struct.name}')
        for member in struct.members:
            writer.put(member.declaration + ';')
        writer.close(f'}} {struct.name};')
        writer.put()
    return {'venus_mesa.h': header('VENUS_MESA_H', ['<stddef.h>', '<vulkan/vulkan.h>'],
                                   writer.text())}
