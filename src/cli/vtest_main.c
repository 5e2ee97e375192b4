/* vesper-vtest OPTION…: what `vesper vtest` becomes. */
#include "cli/commands.h"
#include "cli/options.h"

int main(int argc, char **argv) {
    int result = command_vtest(argc - 1, argv + 1);
    return result == CLI_OK ? cli_flush_output() : result;
}
