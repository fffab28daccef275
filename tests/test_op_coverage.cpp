// The op table is complete: every function that autograd/ops.h declares has a row.
#include <algorithm>
#include <fstream>
#include <regex>
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

// "const Variable& a, Real factor = 2" -> "Variable,Real".
std::string parameter_types(const std::string& parameters) {
  static const std::regex parameter(R"((?:const )?([\w:<>]+)&? \w+)");
  std::vector<std::string> types;
  for (std::sregex_iterator it(parameters.begin(), parameters.end(), parameter), end; it != end;
       ++it) {
    types.push_back((*it)[1]);
  }
  return fmt::format("{}", fmt::join(types, ","));
}

// The declared functions: names alone, operators with their parameters, which tell them apart.
std::set<std::string> functions_of(const std::string& text) {
  static const std::regex declaration(
      R"((?:std::vector<Variable>|Variable) (operator[^(\w]+|\w+)\(([^;]*)\);)");
  std::set<std::string> names;
  for (std::sregex_iterator it(text.begin(), text.end(), declaration), end; it != end; ++it) {
    const std::string name = (*it)[1];
    const bool is_operator = name.starts_with("operator");
    names.insert(is_operator ? name + "(" + parameter_types((*it)[2]) + ")" : name);
  }
  return names;
}

// Declarations up to namespace composed, and those inside it.
std::pair<std::set<std::string>, std::set<std::string>> declared() {
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
  const auto [ops, composed] = declared();
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
  const auto [ops, composed] = declared();
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
