// The op table is complete: every function that autograd/ops.h declares has a row.
#include <algorithm>
#include <fstream>
#include <set>
#include <sstream>

#include "tests/support/op_checks.h"

namespace ink::test {
namespace {

// The text of autograd/ops.h, without comments.
std::string header() {
  std::ifstream file(INK_SOURCE_DIR "/autograd/ops.h");
  REQUIRE(file.good());
  std::string text, line;
  while (std::getline(file, line)) text += line.substr(0, line.find("//")) + "\n";
  return text;
}

std::string trimmed(const std::string& text) {
  const std::size_t first = text.find_first_not_of(" \n");
  if (first == std::string::npos) return "";
  return text.substr(first, text.find_last_not_of(" \n") - first + 1);
}

std::vector<std::string> cut_at(char separator, const std::string& text) {
  std::vector<std::string> parts;
  std::istringstream stream(text);
  for (std::string part; std::getline(stream, part, separator);) parts.push_back(trimmed(part));
  return parts;
}

// "const Variable& a, Real factor = 2" -> "Variable,Real".
std::string parameter_types(const std::string& parameters) {
  std::vector<std::string> types;
  for (std::string parameter : cut_at(',', parameters)) {
    if (parameter.starts_with("const ")) parameter.erase(0, 6);
    types.push_back(parameter.substr(0, parameter.find_first_of("& ")));
  }
  return fmt::format("{}", fmt::join(types, ","));
}

// The declared functions: names alone, operators with their parameters, which tell them apart.
std::set<std::string> functions_of(const std::string& text) {
  std::set<std::string> names;
  for (const std::string& statement : cut_at(';', text)) {
    const std::size_t open = statement.find('(');
    const std::size_t name_at = statement.find_last_of(" \n", open) + 1;
    if (open == std::string::npos || name_at == 0) continue;
    const std::string type = trimmed(statement.substr(0, name_at));
    if (!type.ends_with("Variable") && !type.ends_with("vector<Variable>")) continue;
    const std::string name = statement.substr(name_at, open - name_at);
    const std::string parameters = statement.substr(open + 1, statement.rfind(')') - open - 1);
    const bool is_operator = name.starts_with("operator");
    names.insert(is_operator ? name + "(" + parameter_types(parameters) + ")" : name);
  }
  return names;
}

// What is declared before namespace composed, and inside it.
struct Declared {
  std::set<std::string> ops, composed;
};

Declared declared() {
  const std::string text = header();
  const std::size_t composed = text.find("namespace composed {");
  REQUIRE(composed != std::string::npos);
  return {functions_of(text.substr(0, composed)), functions_of(text.substr(composed))};
}

std::string missing_from(const std::set<std::string>& have, const std::set<std::string>& want) {
  std::vector<std::string> missing;
  std::set_difference(want.begin(), want.end(), have.begin(), have.end(),
                      std::back_inserter(missing));
  return fmt::format("{}", fmt::join(missing, " "));
}

}  // namespace

TEST_CASE("op table: the parser of the header") {
  const std::string text =
      "Variable operator*(const Variable& a, const Variable& b);\n"
      "Variable operator*(Real factor, const Variable& x);\n"
      "Variable operator-(const Variable& x);\n"
      "Variable linear(const Variable& x,\n                const Variable& residual = {});\n"
      "std::vector<Variable> split(const Variable& x, const Shape& sizes, int axis);\n";
  CHECK(functions_of(text) == std::set<std::string>{"operator*(Variable,Variable)",
                                                    "operator*(Real,Variable)",
                                                    "operator-(Variable)", "linear", "split"});
}

TEST_CASE("op table: every op has a row, and every row an op") {
  const auto ops = declared().ops;
  CHECK(ops.size() > 40);
  std::set<std::string> in_table;
  for (const OpRow& row : op_table()) {
    in_table.insert(row.functions.begin(), row.functions.end());
  }
  INFO("without a row: ", missing_from(in_table, ops));
  INFO("rows of no op: ", missing_from(ops, in_table));
  CHECK(in_table == ops);
}

TEST_CASE("op table: every composed definition is compared with its fused op") {
  const auto composed = declared().composed;
  std::set<std::string> in_table;
  for (const OpRow& row : op_table()) {
    for (const OpCase& c : row.cases) {
      if (c.composed) in_table.insert(row.functions.begin(), row.functions.end());
    }
  }
  INFO("not compared: ", missing_from(in_table, composed));
  CHECK(in_table == composed);
}

TEST_CASE("op table: every row has cases, benchmarks and names of its own") {
  std::set<std::string> names;
  for (const OpRow& row : op_table()) {
    INFO(row.op);
    CHECK_FALSE(row.cases.empty());
    CHECK_FALSE(row.benchmarks.empty());
    for (const auto* list : {&row.cases, &row.benchmarks}) {
      for (const OpCase& c : *list) CHECK(names.insert(row.op + "/" + c.name).second);
    }
  }
}

}  // namespace ink::test
