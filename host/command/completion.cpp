// SPDX-License-Identifier: Apache-2.0
//
// What a shell offers behind `trainer` and the Tab key: a list of words for each command, made from the command line
// itself. All else is completed as files.
#include <map>

#include "command/command_line.hpp"
#include "command/print.hpp"

namespace trainer::command {
namespace {

struct Word {
  std::string text, description;
  bool takes_value = false;
};

/// Of a command, by the words that lead to it: " plugins list".
using Levels = std::map<std::string, std::vector<Word>>;

std::string one_line(const std::string& text) { return text.substr(0, text.find('\n')); }

void collect(const CLI::App& app, const std::string& level, Levels& levels) {
  auto& words = levels[level];
  for (const auto* command : app.get_subcommands([](const CLI::App* c) { return !c->get_group().empty(); })) {
    words.push_back({command->get_name(), one_line(command->get_description())});
    collect(*command, level + " " + command->get_name(), levels);
  }
  for (const auto* option : app.get_options()) {
    if (option->get_group().empty()) continue;
    if (!option->get_lnames().empty())  // one spelling of each: --max_steps and not --max-steps, too
      words.push_back({"--" + option->get_lnames().front(), one_line(option->get_description()),
                       option->get_items_expected_max() > 0});
  }
}

// The patterns of all levels but the first, for a case.
std::string patterns(const Levels& levels) {
  std::string out;
  for (const auto& [level, words] : levels)
    if (!level.empty()) out += (out.empty() ? "" : "|") + ("\"" + level + "\"");
  return out;
}

// Of the words before the cursor, from `range` on, those that lead to a command become $level.
std::string walk(const std::string& range, const std::string& words, const Levels& levels) {
  const std::string word = "${" + words + "[i]}";
  return "  for ((i = " + range + "; i++)); do\n    case \"$level " + word + "\" in\n      " + patterns(levels) +
         ") level+=\" " + word + "\" ;;\n    esac\n  done\n  case $level in\n";
}

std::string bash(const Levels& levels) {
  std::string out =
      "# trainer completion bash: source <(trainer completion bash)\n"
      "_trainer() {\n"
      "  local word=${COMP_WORDS[COMP_CWORD]} level= words= i\n" +
      walk("1; i < COMP_CWORD", "COMP_WORDS", levels);
  for (const auto& [level, words] : levels) {
    out += "    \"" + level + "\") words=\"";
    for (const auto& word : words) out += (word.text == words.front().text ? "" : " ") + word.text;
    out += "\" ;;\n";
  }
  return out +
         "  esac\n"
         "  COMPREPLY=($(compgen -W \"$words\" -- \"$word\"))\n"
         "  [ ${#COMPREPLY[@]} -gt 0 ] || COMPREPLY=($(compgen -f -- \"$word\"))\n"
         "}\n"
         "complete -o filenames -F _trainer trainer\n";
}

std::string zsh(const Levels& levels) {
  std::string out =
      "#compdef trainer\n"
      "# trainer completion zsh: eval \"$(trainer completion zsh)\", or a file _trainer in a directory of $fpath\n"
      "_trainer() {\n"
      "  local level= i\n"
      "  local -a offered\n" +
      walk("2; i < CURRENT", "words", levels);
  for (const auto& [level, words] : levels) {
    out += "    \"" + level + "\") offered=(";
    for (const auto& word : words) out += "\n      " + shell_word(word.text + ":" + word.description);
    out += ") ;;\n";
  }
  return out +
         "  esac\n"
         "  if [[ $PREFIX == -* || -z $level || $level == \" plugins\" ]]; then\n"
         "    _describe -o 'trainer' offered\n"
         "  else\n"
         "    _files\n"
         "  fi\n"
         "}\n"
         "if [ \"$funcstack[1]\" = _trainer ]; then _trainer \"$@\"; else compdef _trainer trainer; fi\n";
}

std::string fish(const Levels& levels) {
  std::string out =
      "# trainer completion fish | source\n"
      "function __trainer_level\n"
      "  set -l level\n"
      "  for word in (commandline -opc)[2..]\n"
      "    switch \"$level $word\"\n"
      "      case";
  for (const auto& [level, words] : levels)
    if (!level.empty()) out += " " + shell_word(level);
  out +=
      "\n"
      "        set level \"$level $word\"\n"
      "    end\n"
      "  end\n"
      "  test \"$level\" = \"$argv\"\n"
      "end\n";
  for (const auto& [level, words] : levels)
    for (const auto& word : words) {
      out += "complete -c trainer -n " + shell_word("__trainer_level \"" + level + "\"");
      const bool is_option = word.text.starts_with("--");
      out += is_option ? " -l " + word.text.substr(2) + (word.takes_value ? " -r" : "") : " -f -a " + word.text;
      out += " -d " + shell_word(word.description) + "\n";
    }
  return out;
}

}  // namespace

std::string completion_script(const CLI::App& app, const std::string& shell) {
  Levels levels;
  collect(app, "", levels);
  return shell == "bash" ? bash(levels) : shell == "zsh" ? zsh(levels) : fish(levels);
}

}  // namespace trainer::command
