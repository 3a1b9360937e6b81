#include "cli/completion.h"

#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

namespace callbook::cli {
namespace {

struct Word {
  std::string text;  ///< "get" or "--json"
  std::string description;
};

/// A description as it may stand within single quotes in any of the shells.
std::string quotable(const std::string& description) {
  std::string text;
  for (const char c : description.substr(0, description.find('\n'))) {
    if (c != '\'' && c != '\\' && c != ':') text += c;
  }
  return text;
}

std::vector<Word> verbs_of(const CLI::App& app) {
  std::vector<Word> verbs;
  for (const CLI::App* verb : app.get_subcommands({})) {
    verbs.push_back({verb->get_name(), quotable(verb->get_description())});
  }
  return verbs;
}

std::vector<Word> options_of(const CLI::App& verb) {
  std::vector<Word> options;
  for (const CLI::Option* option : verb.get_options()) {
    for (const std::string& name : option->get_lnames()) {
      options.push_back({"--" + name, quotable(option->get_description())});
    }
  }
  return options;
}

std::string joined(const std::vector<Word>& words) {
  std::string text;
  for (const Word& word : words) text += (text.empty() ? "" : " ") + word.text;
  return text;
}

/// zsh's _describe takes 'word:description'.
std::string described(const std::vector<Word>& words) {
  std::string text;
  for (const Word& word : words) text += fmt::format(" '{}:{}'", word.text, word.description);
  return text;
}

}  // namespace

std::string bash_completion(const CLI::App& app) {
  std::string script =
      "# callbook completion for bash: source <(callbook completion bash)\n"
      "_callbook() {\n"
      "  local word=${COMP_WORDS[COMP_CWORD]} verb=${COMP_WORDS[1]} words i\n"
      "  for ((i = 1; i < COMP_CWORD; i++)); do\n"
      "    [[ ${COMP_WORDS[i]} == -- ]] && return  # the wrapped command's words\n"
      "  done\n";
  script += fmt::format("  if ((COMP_CWORD == 1)); then\n    words='{} {}'\n  else\n",
                        joined(verbs_of(app)), joined(options_of(app)));
  script += "    case $verb in\n";
  for (const CLI::App* verb : app.get_subcommands({})) {
    const std::string values = verb->get_name() == "completion" ? "bash zsh fish " : "";
    script += fmt::format("      {}) words='{}{}' ;;\n", verb->get_name(), values,
                          joined(options_of(*verb)));
  }
  script +=
      "      *) return ;;\n"
      "    esac\n"
      "  fi\n"
      "  COMPREPLY=($(compgen -W \"$words\" -- \"$word\"))\n"
      "}\n"
      "complete -o default -F _callbook callbook\n";
  return script;
}

std::string zsh_completion(const CLI::App& app) {
  std::string script =
      "#compdef callbook\n"
      "# callbook completion for zsh: save as _callbook in a folder of $fpath\n"
      "_callbook() {\n"
      "  local -a words_known\n"
      "  if ((${words[(I)--]} && ${words[(I)--]} < CURRENT)); then _files; return; fi\n"
      "  if ((CURRENT == 2)); then\n";
  script +=
      fmt::format("    words_known=({})\n    _describe 'verb' words_known\n    return\n  fi\n",
                  described(verbs_of(app)).substr(1));
  script += "  case $words[2] in\n";
  for (const CLI::App* verb : app.get_subcommands({})) {
    const std::string values =
        verb->get_name() == "completion" ? "'bash:for bash' 'zsh:for zsh' 'fish:for fish' " : "";
    script += fmt::format("    {}) words_known=({}{}) ;;\n", verb->get_name(), values,
                          described(options_of(*verb)).substr(1));
  }
  script +=
      "  esac\n"
      "  _describe 'option' words_known || _files\n"
      "}\n"
      "if [[ $funcstack[1] == _callbook ]]; then _callbook \"$@\"; else compdef _callbook "
      "callbook; "
      "fi\n";
  return script;
}

std::string fish_completion(const CLI::App& app) {
  std::string script = "# callbook completion for fish: callbook completion fish | source\n";
  for (const Word& verb : verbs_of(app)) {
    script += fmt::format("complete -c callbook -n __fish_use_subcommand -a {} -d '{}'\n",
                          verb.text, verb.description);
  }
  for (const CLI::App* verb : app.get_subcommands({})) {
    const std::string seen =
        fmt::format("complete -c callbook -n '__fish_seen_subcommand_from {}'", verb->get_name());
    for (const Word& option : options_of(*verb)) {
      script += fmt::format("{} -l {} -d '{}'\n", seen, option.text.substr(2), option.description);
    }
    if (verb->get_name() == "completion") script += seen + " -a 'bash zsh fish'\n";
  }
  return script;
}

}  // namespace callbook::cli
