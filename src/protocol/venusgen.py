#!/usr/bin/env python3
"""Generates the Venus codec from the Vulkan registry.

    venusgen.py --xml VK_XML --output FOLDER      writes all generated files
    venusgen.py --xml VK_XML --layout FILE        writes the wire layout as text (gen/layout.py)

The way from registry to C has four steps, each a module of gen/:

    parse    vk.xml and mesa.xml -> records as they stand there
    rules    rules.toml, commands.tsv, extensions.tsv -> what no registry says
    model    records and rules -> wire items: what is sent, in which order and form
    emit_*   wire items -> C, one module per generated file or pair of files

To carry a new extension, add it to extensions.tsv, its commands to commands.tsv, and compare the
layout with the golden one (tests/protocol). To serve a command by hand, list it as custom in
rules.toml and write vn_handle_<command> in the renderer. Needs Python 3.11, nothing else.
"""

import argparse
import os
import sys

sys.dont_write_bytecode = True    # the source folder stays clean
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

from gen import (emit_client, emit_commands, emit_dispatch, emit_fill, emit_mesa,  # noqa: E402
                 emit_null, emit_structs, emit_tables, layout, parse, rules)
from gen.model import Model, ModelError  # noqa: E402


def build_model(xml):
    """The model of the registry at `xml`, and the registry of mesa.xml alone."""
    mesa_xml = os.path.join(HERE, 'mesa.xml')
    registry = parse.parse([xml, mesa_xml])
    loaded = rules.load(os.path.join(HERE, 'rules.toml'), os.path.join(HERE, 'commands.tsv'),
                        os.path.join(HERE, 'extensions.tsv'))
    return Model(registry, loaded), parse.parse([mesa_xml])


def generate(xml):
    """File name -> text of every generated file."""
    model, mesa = build_model(xml)
    files = emit_mesa.emit(model, mesa)
    for emitter in (emit_structs, emit_commands, emit_tables, emit_dispatch, emit_client,
                    emit_fill, emit_null):
        files |= emitter.emit(model)
    return files


def main():
    parser = argparse.ArgumentParser(description='Generates the Venus codec.')
    parser.add_argument('--xml', required=True, help='path of vk.xml')
    parser.add_argument('--output', help='folder for the generated files')
    parser.add_argument('--layout', help='file for the wire layout')
    arguments = parser.parse_args()
    try:
        if arguments.layout:
            model, _ = build_model(arguments.xml)
            with open(arguments.layout, 'w', encoding='utf-8') as file:
                file.write('\n'.join(layout.lines(model)) + '\n')
        if arguments.output:
            for name, text in generate(arguments.xml).items():
                path = os.path.join(arguments.output, name)
                with open(path, 'w', encoding='utf-8') as file:
                    file.write(text)
    except (ModelError, OSError) as error:
        sys.exit(f'venusgen: {error}')


if __name__ == '__main__':
    main()
