"""fault_calls.py VK_XML OUTPUT SOURCE…: a C table of the functions of Vulkan that the sources of the swapchain
presenter name, those that can fail, with every result but success that the registry allows each."""

import re
import sys
import xml.etree.ElementTree

# What only others than a driver give: a layer of validation, and nobody who knows better.
LEFT_OUT = {"VK_SUCCESS", "VK_ERROR_VALIDATION_FAILED", "VK_ERROR_VALIDATION_FAILED_EXT",
            "VK_ERROR_UNKNOWN"}


def find_names(paths):
    """Those in the tables of gpu.h, and those in strings, to be looked up."""
    names = set()
    for path in paths:
        with open(path, encoding="utf-8") as file:
            text = file.read()
        names.update("vk" + name for name in re.findall(r"\buse\(([A-Z]\w+)\)", text))
        names.update(re.findall(r'"(vk[A-Z]\w+)"', text))
    return names


def read_commands(path):
    """{name: results}, of every command."""
    root = xml.etree.ElementTree.parse(path).getroot()
    commands = {}
    for command in root.iterfind("commands/command"):
        name = command.findtext("proto/name")
        if name and "vulkan" in command.get("api", "vulkan").split(","):
            results = command.get("successcodes", "").split(",") + command.get("errorcodes", "").split(",")
            commands[name] = [result for result in results if result and result not in LEFT_OUT]
    return commands


def main():
    commands = read_commands(sys.argv[1])
    names = sorted(find_names(sys.argv[3:]))
    unknown = [name for name in names if name not in commands]
    if unknown or not names:
        sys.exit(f"fault_calls.py: the registry does not know {unknown}")
    with open(sys.argv[2], "w", encoding="utf-8") as out:
        out.write("/* Made by fault_calls.py. */\n")
        for name in names:
            if commands[name]:
                out.write(f"static const VkResult results_of_{name}[] = {{{', '.join(commands[name])}}};\n")
        out.write("static const struct fault_call fault_calls[] = {\n")
        for name in names:
            if commands[name]:
                out.write(f'    {{"{name}", results_of_{name}, {len(commands[name])}}},\n')
        out.write("};\n")


if __name__ == "__main__":
    main()
