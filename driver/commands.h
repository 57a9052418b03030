#ifndef NLM_DRIVER_COMMANDS_H
#define NLM_DRIVER_COMMANDS_H
// The subcommands of nlmc, one file each.
#include "driver/options.h"

extern const command command_build, command_shapes, command_emit, command_check, command_fmt, command_help;

int help_command(const command *c); // usage and options, to standard output

#endif
