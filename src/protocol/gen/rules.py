"""Loads what the registry does not give: rules.toml and the two tables."""

import tomllib
from dataclasses import dataclass


@dataclass
class CommandId:
    id: int
    name: str
    aliases: list
    encoded: bool


@dataclass
class ProtocolExtension:
    name: str
    number: int
    spec_version: int
    type: str


@dataclass
class Rules:
    commands: list            # CommandId, by id
    extensions: dict          # name -> ProtocolExtension
    spec_version: int         # of VK_MESA_venus_protocol that we serve
    inout: set                # "command.parameter"
    null_only: set            # "struct.member"
    nullable: set             # "struct.member" or "command.parameter"
    chain_exclude: dict       # root -> set of structs
    member_order: dict        # struct -> list of members
    inner_length: dict        # "command.parameter" -> expression with index i
    unions: dict              # union -> {members: [...], guest: name}
    custom: set
    poison_handler: set
    decode_only: set
    refuse: set
    device_loss: set
    check_structs: set
    check_commands: set
    table_extensions: set
    null_overrides: set


def _read_table(path):
    with open(path, encoding='utf-8') as file:
        lines = [line.rstrip('\n') for line in file if not line.startswith('#')]
    columns = lines[0].split('\t')
    return [dict(zip(columns, line.split('\t'))) for line in lines[1:] if line]


def load(rules_path, commands_path, extensions_path):
    with open(rules_path, 'rb') as file:
        data = tomllib.load(file)
    commands = [
        CommandId(id=int(row['id']), name=row['name'],
                  aliases=[] if row['aliases'] == '-' else row['aliases'].split(','),
                  encoded=row['encoded'] == 'yes')
        for row in _read_table(commands_path)]
    extensions = {
        row['name']: ProtocolExtension(name=row['name'], number=int(row['number']),
                                       spec_version=int(row['spec_version']), type=row['type'])
        for row in _read_table(extensions_path)}
    serve = data['serve']
    return Rules(
        commands=commands,
        extensions=extensions,
        spec_version=data['protocol_spec_version'],
        inout=set(data['inout']),
        null_only=set(data['null_only']),
        nullable=set(data['nullable']),
        chain_exclude={k: set(v) for k, v in data['chain_exclude'].items()},
        member_order=data['member_order'],
        inner_length=data['inner_length'],
        unions=data['unions'],
        custom=set(serve['custom']),
        poison_handler=set(serve['poison_handler']),
        decode_only=set(serve['decode_only']),
        refuse=set(serve['refuse']),
        device_loss=set(serve['device_loss']),
        check_structs=set(data['check']['structs']),
        check_commands=set(data['check']['commands']),
        table_extensions=set(data['tables']['extensions']),
        null_overrides=set(data['null_driver']['overrides']))
