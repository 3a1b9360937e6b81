#include "cli/command_line.h"

int main(int count, char** words) {
  return callbook::cli::run_command({words + 1, words + count});
}
