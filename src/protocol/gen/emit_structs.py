"""venus_structs.h and .c: one decoder and encoder per struct and form, and the chain tables."""

from gen.emit_c import Writer, header, source
from gen.emit_decode import Decoder
from gen.emit_encode import Encoder
from gen.model import IN, OUT, PARTIAL, Record


class StructEmitter:
    """Writes the functions of one side.

    decodes, encodes: the forms of that direction. prefix: of the functions' names. raw: handles
    are ids. checks: decoded requests are examined by checks.c.
    """

    def __init__(self, model, side, decodes, encodes, decode_prefix, encode_prefix, raw=False,
                 checks=False):
        self.model = model
        self.side = side
        self.decodes = decodes
        self.encodes = encodes
        self.checks = checks
        self.writer = Writer()
        self.decoder = Decoder(model, self.writer, raw, decode_prefix)
        self.encoder = Encoder(model, self.writer, encode_prefix)

    # ---- prototypes ----------------------------------------------------------------------

    def _decode_prototype(self, struct, form):
        selector = f', {struct.selector_type} selector' if struct.selector_type else ''
        return (f'void {self.decoder.function(struct.name, form)}(struct cs_decoder *d, '
                f'{struct.name} *v{selector})')

    def _encode_prototype(self, struct, form):
        selector = f', {struct.selector_type} selector' if struct.selector_type else ''
        return (f'void {self.encoder.function(struct.name, form)}(struct cs_encoder *e, '
                f'const {struct.name} *v{selector})')

    def prototypes(self):
        """Declarations of everything that source() defines."""
        lines = []
        for struct in self._structs():
            for form in self.decodes:
                if self._wanted(struct, form):
                    lines.append(self._decode_prototype(struct, form) + ';')
            for form in self.encodes:
                if self._wanted(struct, form):
                    lines.append(self._encode_prototype(struct, form) + ';')
        return '\n'.join(lines) + '\n'

    def _structs(self):
        return [self.model.structs[name] for name in sorted(self.model.structs)]

    def _wanted(self, struct, form):
        return form in struct.forms and not (form == PARTIAL
                                             and self.model.empty_partial(struct))

    # ---- definitions ---------------------------------------------------------------------

    def body(self):
        self._chain_tables()
        for struct in self._structs():
            for form in self.decodes:
                self._decode(struct, form)
            for form in self.encodes:
                self._encode(struct, form)
        self._chain_types()
        return self.writer.text()

    def _has_body(self, struct, form):
        """The struct's own members are read or written by a function of their own."""
        return struct.stype and form in struct.forms | struct.body_forms

    @staticmethod
    def _body_name(action, struct, form):
        return f"{action}_body_{struct.name}{'_partial' if form == PARTIAL else ''}"

    def _decode(self, struct, form):
        writer, name = self.writer, struct.name
        items = [(item, form) for item in self.model.items_of(struct, form)]

        def label(member):
            return f'{name}.{member}'

        if self._has_body(struct, form):
            writer.open_function(f'static void {self._body_name("decode", struct, form)}'
                                 f'(struct cs_decoder *d, void *value)')
            writer.put(f'{name} *v = value;')
            self.decoder.body(items, 'v->', label)
            self._check(struct, form)
            writer.close_function('d', 'v')
        if not self._wanted(struct, form):
            return
        writer.open_function(self._decode_prototype(struct, form))
        if struct.union:
            self.decoder.union(struct, form)
        elif struct.stype:
            writer.put(f'v->sType = {struct.stype};')
            flag = 'VN_CHAIN_PARTIAL' if form == PARTIAL else 'VN_CHAIN_FULL'
            writer.put(f'v->pNext = vn_chain_decode(d, {struct.stype}, &chain_{name}, {flag});')
            writer.put(f'{self._body_name("decode", struct, form)}(d, v);')
        else:
            self.decoder.body(items, 'v->', label)
            self._check(struct, form)
        writer.close_function('d', 'v')

    def _checked(self, struct, form):
        return self.checks and form == IN and struct.name in self.model.rules.check_structs

    def _check(self, struct, form):
        if self._checked(struct, form):
            self.writer.open('if (!d->failed)')
            self.writer.put(f'vn_check_{struct.name}(d, v);')
            self.writer.close()

    def _encode(self, struct, form):
        writer, name = self.writer, struct.name
        items = [(item, form) for item in self.model.items_of(struct, form)]
        if self._has_body(struct, form):
            writer.open_function(f'static void {self._body_name("encode", struct, form)}'
                                 f'(struct cs_encoder *e, const void *value)')
            writer.put(f'const {name} *v = value;')
            self.encoder.body(items, 'v->')
            writer.close_function('e', 'v')
        if not self._wanted(struct, form):
            return
        writer.open_function(self._encode_prototype(struct, form))
        if struct.union:
            self.encoder.union(struct, form)
        elif struct.stype:
            flag = 'VN_CHAIN_PARTIAL' if form == PARTIAL else 'VN_CHAIN_FULL'
            writer.put(f'vn_chain_encode(e, {struct.stype}, v->pNext, &chain_{name}, {flag});')
            writer.put(f'{self._body_name("encode", struct, form)}(e, v);')
        else:
            self.encoder.body(items, 'v->')
        writer.close_function('e', 'v')

    # ---- chains --------------------------------------------------------------------------

    def _roots(self):
        return [s for s in self._structs() if s.stype
                and any(self._wanted(s, f) for f in self.decodes + self.encodes)]

    def _members(self):
        """Structs that occur in chains of this side, in order of their sType."""
        names = {m for root in self._roots() for m in root.chain}
        return sorted((self.model.structs[n] for n in names), key=self._stype_value)

    def _stype_value(self, struct):
        return self.model.registry.enum_values[self.model.registry.resolve(struct.stype)]

    def _chain_tables(self):
        writer = self.writer
        members = self._members()
        index = {struct.name: i for i, struct in enumerate(members)}
        writer.put(f'static const struct vn_chain_type chain_types[{max(1, len(members))}];')
        writer.put()
        for root in self._roots():
            allowed = sorted(index[name] for name in root.chain)
            if allowed:
                writer.put(f'static const uint16_t allowed_{root.name}[] = {{'
                           + ', '.join(map(str, allowed)) + '};')
            writer.put(f'static const struct vn_chain chain_{root.name} = {{"{root.name}", '
                       f'chain_types, {"allowed_" + root.name if allowed else "NULL"}, '
                       f'{len(allowed)}}};')
        writer.put()

    def _chain_types(self):
        writer = self.writer
        members = self._members()
        writer.open(f'static const struct vn_chain_type chain_types[{max(1, len(members))}] =')
        for struct in members:
            decode = [self._entry('decode', struct, f) for f in ((IN, OUT), (PARTIAL,))]
            encode = [self._entry('encode', struct, f) for f in ((IN, OUT), (PARTIAL,))]
            writer.put(f'{{{struct.stype}, sizeof({struct.name}), '
                       f'{"true" if struct.duplicates else "false"}, '
                       f'{{{", ".join(decode)}}}, {{{", ".join(encode)}}}}},')
        writer.close('};')

    def _entry(self, action, struct, forms):
        mine = self.decodes if action == 'decode' else self.encodes
        for form in forms:
            if form in mine and form in struct.forms | struct.body_forms:
                return self._body_name(action, struct, form)
        return 'NULL'


def flat_header(model):
    """venus_flat.h: unchecked loads of structs without pointers, for arrays of them."""
    writer = Writer()
    for name in sorted(model.structs):
        struct = model.structs[name]
        node = Record(name)
        if struct.union or struct.stype or not model.flat(node) or model.same_in_memory(node):
            continue
        if struct.forms.isdisjoint((IN, OUT)) or not struct.items:
            continue
        afterwards = []
        decoder = Decoder(model, writer, raw=True)
        decoder.label = lambda member, name=name: f'{name}.{member}'
        writer.open(f'static inline void vn_load_{name}(struct cs_decoder *d, {name} *v)')
        for item in struct.items:
            decoder._load(item.node, f'v->{item.name}', item.name, afterwards)
        for statement in afterwards:
            writer.put(statement)
        writer.close()
        writer.put()
    return header('VENUS_FLAT_H', ['"protocol/cs.h"'],
                  '/* Callers have checked that the bytes of one struct are there. */\n\n'
                  + writer.text())


def emit(model):
    """File name -> text."""
    emitter = StructEmitter(model, 'server', (IN, PARTIAL), (OUT,), 'vn_decode_', 'vn_encode_',
                            checks=True)
    checks = [f'void vn_check_{name}(struct cs_decoder *d, {name} *v);'
              for name in sorted(model.rules.check_structs) if name in model.structs]
    text = emitter.body()
    head = ('/* vn_decode_…: reads a struct of a request (full form, or the partial form of an\n'
            ' * output), with its chain; handles become host handles. vn_encode_…: writes a struct\n'
            ' * of a reply. One thread, as for cs.h. */\n' + emitter.prototypes()
            + '\n/* Written by hand in checks.c: examine (and may complete) every decoded value. */\n'
            + '\n'.join(checks) + '\n')
    return {
        'venus_flat.h': flat_header(model),
        'venus_structs.h': header('VENUS_STRUCTS_H', ['"protocol/cs.h"', '"venus_mesa.h"'],
                                  head),
        'venus_structs.c': source(['"venus_structs.h"', '"protocol/chain.h"',
                                   '"venus_flat.h"'], text),
    }
