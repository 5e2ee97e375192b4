"""venus_client.h and .c: the other side of the wire, for tests, benchmarks and fuzzers.

Handles in arguments are ids there, in both directions.
"""

from gen.emit_c import Writer, header, source
from gen.emit_decode import Decoder
from gen.emit_encode import Encoder
from gen.emit_structs import StructEmitter
from gen.layout import reply_items, request_items, result_wire
from gen.model import IN, OUT, PARTIAL


def _encode(model, writer, command):
    writer.open_function(f'void vn_client_encode_{command.name}(struct cs_encoder *e, '
                         f'uint32_t flags, const struct vn_{command.name} *a)')
    writer.put(f'cs_write_u32(e, {command.id});')
    writer.put('cs_write_u32(e, flags);')
    Encoder(model, writer, 'vn_client_encode_').body(request_items(command), 'a->', command=command)
    writer.close_function('a')


def _decode_reply(model, writer, command):
    writer.open_function(f'void vn_client_decode_{command.name}_reply(struct cs_decoder *d, '
                f'struct vn_{command.name} *a)')
    wire = result_wire(model, command)
    items = reply_items(command)
    writer.open(f'if (cs_read_u32(d, NULL) != {command.id})')
    writer.put('cs_fail(d, NULL, "the reply is to another command");')
    writer.close()
    if wire:
        read = 'cs_read_u32' if wire in ('u32', 'i32') else 'cs_read_u64'
        writer.put(f'a->ret = ({command.result}){read}(d, "ret");')
    decoder = Decoder(model, writer, raw=True, prefix='vn_client_decode_')
    decoder.body(items, 'a->', lambda name: name, command=command)
    writer.close_function('a')


def emit(model):
    structs = StructEmitter(model, 'client', (OUT,), (IN, PARTIAL), 'vn_client_decode_',
                            'vn_client_encode_', raw=True)
    text = structs.body()
    writer = Writer()
    for command in model.commands:
        _encode(model, writer, command)
        _decode_reply(model, writer, command)
    prototypes = '\n'.join(
        f'void vn_client_encode_{c.name}(struct cs_encoder *e, uint32_t flags, '
        f'const struct vn_{c.name} *a);\n'
        f'void vn_client_decode_{c.name}_reply(struct cs_decoder *d, struct vn_{c.name} *a);'
        for c in model.commands)
    head = ('/* Handles in arguments and structs are guest ids cast to the handle type; ids of new\n'
            ' * objects are in x_id and x_ids. encode: writes a request (flags bit 0: reply\n'
            ' * wanted). decode_reply: reads a reply into a->ret and output parameters, in\n'
            ' * temporaries of the decoder; lengths that the request gave are taken from `a`. */\n'
            + prototypes + '\n\n' + structs.prototypes())
    return {
        'venus_client.h': header('VENUS_CLIENT_H',
                                 ['"protocol/cs.h"', '"venus_commands.h"'], head),
        'venus_client.c': source(['"venus_client.h"', '"protocol/chain.h"', '"venus_flat.h"'],
                                 text + writer.text()),
    }
