#!/usr/bin/env python3
"""Compares the wire layout that the generator makes of a registry with the golden one.

    test_layouts.py --generator FOLDER --xml VK_XML

Every command, struct form and chain that the registry knows must be the same as in
wire-layouts.txt and pnext-chains.tsv. What only the golden files have is newer than the registry
and is listed; it must be explained by a name that the registry does not know.
"""

import argparse
import os
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))

# Structs that newer registries renamed; older ones have only the right name.
RENAMED = {
    'VkPhysicalDeviceRobustness2FeaturesKHR': 'VkPhysicalDeviceRobustness2FeaturesEXT',
    'VkPhysicalDeviceRobustness2PropertiesKHR': 'VkPhysicalDeviceRobustness2PropertiesEXT',
    'VkPhysicalDevicePipelineLibraryGroupHandlesFeaturesKHR':
        'VkPhysicalDevicePipelineLibraryGroupHandlesFeaturesEXT',
}

# Forms of older structs that only commands or structs newer than 1.4.309 use.
NEWER_FORMS = {
    'VkComponentMapping': ('partial', 'out'), 'VkExtensionProperties': ('in',),
    'VkOffset2D': ('partial', 'out'), 'VkRect2D': ('partial', 'out'),
}


def read_layout(lines):
    """Lines of a layout -> {('command', name, direction) or ('struct', name, form): text}."""
    entries, command = {}, None
    for line in lines:
        line = line.rstrip('\n')
        if not line or line.startswith('#'):
            continue
        if line[0].isdigit():
            command = line
        elif line.startswith('  '):
            direction, _, text = line.strip().partition(' ')
            entries['command', command, direction] = text.strip()
        else:
            head, _, text = line.partition(': ')
            name, _, form = head.partition(' /')
            entries['struct', name, form] = text
    return entries


def rename(golden, structs):
    """The golden entries under the names that this registry has."""
    names = {new: old for new, old in RENAMED.items() if new not in structs and old in structs}
    if not names:
        return golden
    pattern = re.compile(r'\b(' + '|'.join(names) + r')\b')

    def old(text):
        return pattern.sub(lambda match: names[match.group(0)], text)

    return {(kind, old(name), form): old(text) for (kind, name, form), text in golden.items()}


class Comparison:
    def __init__(self):
        self.same = 0
        self.newer = []
        self.errors = []

    def layouts(self, made, golden, model):
        for key, text in golden.items():
            if key in made:
                if made[key] == text:
                    self.same += 1
                else:
                    self.errors.append(f'{" ".join(key)}\n  golden: {text}\n  made:   '
                                       f'{made[key]}')
            elif self._explained(key, model):
                self.newer.append(' '.join(key))
            else:
                self.errors.append(f'{" ".join(key)} is not made')
        for key in made:
            if key not in golden:
                self.errors.append(f'{" ".join(key)} is not in the golden layout')

    @staticmethod
    def _explained(key, model):
        kind, name, form = key
        if kind == 'command':
            return name.split()[1] in model.unknown_commands
        if name not in model.structs:
            return name not in model.registry.structs
        return form.split()[0] in NEWER_FORMS.get(name, ())

    def chains(self, path, model):
        with open(path, encoding='utf-8') as file:
            rows = [line.rstrip('\n').split('\t') for line in file if not line.startswith('#')]
        for root, members in rows[1:]:
            struct = model.structs.get(RENAMED.get(root, root)) or model.structs.get(root)
            if not struct:
                continue
            golden = set() if members == '-' else set(members.split())
            golden = {RENAMED[n] if n in RENAMED and n not in model.structs else n
                      for n in golden}
            made = set(struct.chain)
            missing = {n for n in golden - made if n in model.registry.structs}
            self.newer += [f'chain {root} {n}' for n in sorted(golden - made - missing)]
            for problem, names in (('lacks', missing), ('has also', made - golden)):
                if names:
                    self.errors.append(f'chain of {root} {problem}: {" ".join(sorted(names))}')
            self.same += 1


def main():
    parser = argparse.ArgumentParser(description='Compares wire layouts.')
    parser.add_argument('--generator', required=True, help='folder of venusgen.py')
    parser.add_argument('--xml', required=True, help='path of vk.xml')
    arguments = parser.parse_args()
    sys.path.insert(0, arguments.generator)
    sys.dont_write_bytecode = True
    import venusgen
    from gen import layout
    model, _ = venusgen.build_model(arguments.xml)
    made = read_layout(layout.lines(model))
    with open(os.path.join(HERE, 'wire-layouts.txt'), encoding='utf-8') as file:
        golden = rename(read_layout(file), model.structs)
    comparison = Comparison()
    comparison.layouts(made, golden, model)
    comparison.chains(os.path.join(HERE, 'pnext-chains.tsv'), model)
    for entry in comparison.newer:
        print('newer than the registry:', entry)
    for error in comparison.errors:
        print('DIFFERENT:', error)
    print(f'registry 1.4.{model.registry.header_version}: {comparison.same} layouts and chains '
          f'equal, {len(comparison.newer)} newer, {len(comparison.errors)} different')
    sys.exit(1 if comparison.errors or comparison.same < 1000 else 0)


if __name__ == '__main__':
    main()
